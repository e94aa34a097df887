"""Serves the screen over HTTP and WebSocket: textual-serve's server with every request checked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import weakref
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.server import Server

from tui.web.request_guard import RequestGuard
from tui.web.tab import Tab

_HERE = Path(__file__).parent
_HEARTBEAT_SECONDS = 15.0
_MESSAGE_BYTES = 2**20
_MAXIMUM_CELLS = 1000
_HEADERS = {
    "Server": "autoresearch-tui",  # unauthenticated clients learn no version
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NO_TOKEN = (
    "This needs the token. Open the whole address that `autoresearch-tui serve` printed, with "
    "?token= and all that follows it.\n"
)
_NO_NAME = (
    "Unknown host name for this server. Open the address that `autoresearch-tui serve` printed; "
    "through `ssh -L`, as 127.0.0.1 or localhost.\n"
)
_NO_ORIGIN = "Only the page of this server may open this connection.\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer(Server):
    """An HTTP server that runs one process of the screen for each browser tab that has the token.

    Args:
        command: The command that shows the screen, with its arguments.
        guard: Checks the Host, token and Origin of each request.
        title: The title of the page.
    """

    def __init__(self, command: Sequence[str], guard: RequestGuard, title: str) -> None:
        super().__init__("", title=title, templates_path=_HERE)
        self._command = tuple(command)
        self._guard = guard
        self._sockets: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
        self._tabs: weakref.WeakSet[Tab] = weakref.WeakSet()

    async def make_app(self) -> web.Application:
        """Return the aiohttp app with its routes, all of which check the request first."""
        app = web.Application(middlewares=[self._check_request])
        # The page of textual-serve, with our own template.
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path))
        app.add_routes(
            [
                web.get("/", self.handle_index),
                web.get("/ws", self.handle_websocket, name="websocket"),
                web.static("/static", self.statics_path, name="static"),
                web.static("/page", _HERE / "page"),
            ]
        )
        app.on_response_prepare.append(_add_security_headers)
        app.on_shutdown.append(self.on_shutdown)
        return app

    @web.middleware
    async def _check_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to a request without the right Host and token, even for an unknown page."""
        if not self._guard.accepts_host(request.headers.get("Host")):
            return web.Response(status=403, text=_NO_NAME)
        token = request.query.get("token")
        if token is not None and request.path == "/":
            return self._store_token(request, token)
        if not self._guard.has_token(request.cookies.get(self._guard.cookie)):
            return web.Response(status=403, text=_NO_TOKEN)
        return await handler(request)

    def _store_token(self, request: web.Request, token: str) -> web.Response:
        """Answer with a cookie that holds the token and a redirect to the address without it.

        So neither the browser's history nor a Referer header has the token. A wrong one gets 403.
        """
        if not self._guard.has_token(token):
            return web.Response(status=403, text=_NO_TOKEN)
        rest = request.rel_url.without_query_params("token")
        answer = web.Response(status=303, headers={"Location": str(rest)})
        answer.set_cookie(
            self._guard.cookie, token, path="/", httponly=True, samesite="Strict", max_age=None
        )
        return answer

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run the process of one browser tab's screen, until the tab is closed; called by aiohttp.

        Raises:
            HTTPForbidden: The request comes from a page of another site.
        """
        headers = request.headers
        if not self._guard.accepts_origin(headers.get("Origin"), headers.get("Host")):
            raise web.HTTPForbidden(text=_NO_ORIGIN)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, max_msg_size=_MESSAGE_BYTES)
        await socket.prepare(request)
        self._sockets.add(socket)
        tab = Tab(
            self._command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
        )
        self._tabs.add(tab)
        width, height = (_cells(request.query.get(name)) for name in ("width", "height"))
        try:
            await tab.start(width or 80, height or 24)
            await self._listen(socket, tab)
        finally:
            await asyncio.shield(tab.stop())
        return socket

    async def _listen(self, socket: web.WebSocketResponse, tab: Tab) -> None:
        """Send a tab's keys, size and focus to its process; ignore unknown messages."""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                parsed = json.loads(message.data)
            except ValueError:
                continue
            match parsed:
                case ["stdin", str(keys)]:
                    # JavaScript strings may hold lone surrogates, which UTF-8 cannot encode.
                    await tab.send_bytes(keys.encode("utf-8", "ignore"))
                case ["resize", {"width": width, "height": height}]:
                    columns, rows = _cells(width), _cells(height)
                    if columns and rows:
                        await tab.set_terminal_size(columns, rows)
                case ["ping", str(when)]:
                    with contextlib.suppress(ConnectionError):
                        await socket.send_json(["pong", when])
                case ["focus", *_]:
                    await tab.focus()
                case ["blur", *_]:
                    await tab.blur()

    async def on_shutdown(self, app: web.Application) -> None:
        """Close every tab's connection because the server ends; each tab then ends its process."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ended")

    def kill_tabs(self) -> None:
        """Kill the processes of all tabs without waiting; the engine is not affected."""
        for tab in list(self._tabs):
            tab.kill()


async def _add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers["Content-Security-Policy"] = _content_security_policy(request)


def _content_security_policy(request: web.Request) -> str:
    """Return the header Content-Security-Policy, which allows only content from this server.

    Styles may be inline because xterm.js writes its own. The web socket is named because older
    browsers do not count it as `'self'`.
    """
    # The Host was checked and has only plain characters, so it cannot add a second directive.
    sockets = f"ws://{request.host} wss://{request.host}" if _is_plain(request.host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {sockets}".rstrip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _is_plain(host: str) -> bool:
    return all(c.isascii() and (c.isalnum() or c in "-._:[]") for c in host)


def _cells(value: Any) -> int:
    """Return a width or height sent by a browser as 0 to 1000 cells; 0 if it is not a number."""
    try:
        return max(0, min(int(value), _MAXIMUM_CELLS))
    except (TypeError, ValueError, OverflowError):
        return 0
