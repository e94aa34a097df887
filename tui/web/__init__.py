"""Serves the screen to browsers with `textual-serve`, only to clients that have the token.

`server` answers the browser, `request_guard` checks each request, `tab` runs the process of one
screen for each tab, and `serving` starts and ends the server. Only `server` and `tab` import
textual-serve, which the extra `web` installs.
"""
