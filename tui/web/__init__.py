"""The screen in a browser: `textual-serve` with a lock on its door.

`server` answers the browser, `door` says who may come in, `tab` runs one screen per tab, `screen`
is the process of that screen and `driver` its line to the server. Only `server` and `tab` import
textual-serve, the extra `web`.
"""
