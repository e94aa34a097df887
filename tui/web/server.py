"""The server of the page: textual-serve's, with a door, and nothing from elsewhere."""

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
_MOST_CELLS = 1000
_HEADERS = {
    "Server": "autoresearch-tui",  # and no versions, to whoever knocks
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
    "This server does not go by that name. Open the address that `autoresearch-tui serve` printed; "
    "through `ssh -L`, as 127.0.0.1 or localhost.\n"
)
_NO_ORIGIN = "Only the page of this server may ask that.\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer(Server):
    """Serves one screen to whoever has the token, a process of its own to each tab.

    Args:
        words: The command that paints the screen.
        door: Who may come in.
        title: What the page is called.
    """

    def __init__(self, words: Sequence[str], door: RequestGuard, title: str) -> None:
        super().__init__("", title=title, templates_path=_HERE)
        self._words = tuple(words)
        self._door = door
        self._sockets: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
        self._tabs: weakref.WeakSet[Tab] = weakref.WeakSet()

    async def make_app(self) -> web.Application:
        """All routes, behind the door."""
        app = web.Application(middlewares=[self._guard])
        # Its parent's page, with a template of ours.
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path))
        app.add_routes(
            [
                web.get("/", self.handle_index),
                web.get("/ws", self.handle_websocket, name="websocket"),
                web.static("/static", self.statics_path, name="static"),
                web.static("/page", _HERE / "page"),
            ]
        )
        app.on_response_prepare.append(_protect)
        app.on_shutdown.append(self.on_shutdown)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing passes without the right name and the token, not even a "not found"."""
        if not self._door.knows_host(request.headers.get("Host")):
            return web.Response(status=403, text=_NO_NAME)
        shown = request.query.get("token")
        if shown is not None and request.path == "/":
            return self._let_in(request, shown)
        if not self._door.knows_token(request.cookies.get(self._door.cookie)):
            return web.Response(status=403, text=_NO_TOKEN)
        return await handler(request)

    def _let_in(self, request: web.Request, token: str) -> web.Response:
        """Take the token out of the address, so that no history and no Referer holds it."""
        if not self._door.knows_token(token):
            return web.Response(status=403, text=_NO_TOKEN)
        rest = request.rel_url.without_query_params("token")
        answer = web.Response(status=303, headers={"Location": str(rest)})
        answer.set_cookie(
            self._door.cookie, token, path="/", httponly=True, samesite="Strict", max_age=None
        )
        return answer

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A tab: from its opening to its closing."""
        headers = request.headers
        if not self._door.knows_origin(headers.get("Origin"), headers.get("Host")):
            raise web.HTTPForbidden(text=_NO_ORIGIN)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, max_msg_size=_MESSAGE_BYTES)
        await socket.prepare(request)
        self._sockets.add(socket)
        tab = Tab(
            self._words,
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
        """Pass on keys and news of the browser; what is no message of ours is left out."""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                told = json.loads(message.data)
            except ValueError:
                continue
            match told:
                case ["stdin", str(keys)]:
                    # A lone surrogate is a string to JavaScript, and no UTF-8.
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
        """Tell every tab that the server ends; each then ends its process."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ended")

    def kill_tabs(self) -> None:
        """For whoever does not want to wait."""
        for tab in list(self._tabs):
            tab.kill()


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers["Content-Security-Policy"] = _policy(request)


def _policy(request: web.Request) -> str:
    """Everything from here and nothing from elsewhere.

    Styles may be inline because xterm.js writes its own. The socket is named because older
    browsers do not take `'self'` for one.
    """
    # Host is repeated only where it is one of our names, so it can hold no second directive.
    sockets = f"ws://{request.host} wss://{request.host}" if _plain(request.host) else ""
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


def _plain(host: str) -> bool:
    return all(c.isascii() and (c.isalnum() or c in "-._:[]") for c in host)


def _cells(said: Any) -> int:
    """A number of cells that a window can have; 0 where it is none."""
    try:
        return max(0, min(int(said), _MOST_CELLS))
    except (TypeError, ValueError, OverflowError):
        return 0
