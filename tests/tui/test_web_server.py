"""The web server over real loopback sockets, with a real screen where one is needed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pyte
import pytest
from aiohttp import web

import tui.web.serving as serving_module
from engine.core.errors import EnvironmentProblem
from tests.world import DEADLINE_SECONDS
from tui.web.request_guard import RequestGuard
from tui.web.server import WebServer
from tui.web.serving import address_of, listen

Socket = aiohttp.ClientWebSocketResponse[bool]
TOKEN = "the-right-token"
TABLE = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "".join(
    f"aaaaaa{n}\t{1 - n / 100}\t1.0\tkeep\tidea {n}\n" for n in range(1, 8)
)
PATHS = ("/", "/ws", "/static/js/textual.js", "/page/page.js", "/nothing", "/download/x")


class Client:
    """A browser that does not render."""

    def __init__(self, session: aiohttp.ClientSession, port: int, guard: RequestGuard) -> None:
        self.session = session
        self.host = f"127.0.0.1:{port}"
        self.cookie = guard.cookie

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        url = f"http://{self.host}{path}"
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    def allowed(self) -> dict[str, str]:
        return {"Cookie": f"{self.cookie}={TOKEN}"}

    @asynccontextmanager
    async def open_socket(self, headers: dict[str, str], width: int = 100) -> AsyncIterator[Socket]:
        """Open the web socket with these headers only."""
        url = f"ws://{self.host}/ws?width={width}&height=30"
        async with self.session.ws_connect(url, headers=headers, max_msg_size=0) as socket:
            yield socket

    @asynccontextmanager
    async def tab(self, width: int = 100) -> AsyncIterator[Socket]:
        """Open a tab as the page does."""
        ours = self.allowed() | {"Origin": f"http://{self.host}"}
        async with self.open_socket(ours, width) as socket:
            yield socket


@asynccontextmanager
async def serving(
    words: tuple[str, ...] = ("false",), title: str = "work"
) -> AsyncIterator[tuple[Client, WebServer, web.AppRunner]]:
    """Run the real server on a free port."""
    with listen("127.0.0.1", 0) as listening:
        guard = RequestGuard(TOKEN, "127.0.0.1")
        server = WebServer(words, guard, title)
        runner = web.AppRunner(await server.make_app(), access_log=None, shutdown_timeout=10)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                yield Client(session, listening.getsockname()[1], guard), server, runner
        finally:
            await runner.cleanup()


@pytest.fixture
def screen(tmp_path: Path) -> tuple[str, ...]:
    """Return the command of a real screen, the replay of a table."""
    table = tmp_path / "results.tsv"
    table.write_text(TABLE)
    return (sys.executable, "-P", "-m", "tui.commands.web_tab", "replay", "--", str(table))


# ---- the request guard ---------------------------------------------------------------------------


async def test_every_request_without_the_token_is_refused() -> None:
    async with serving() as (client, _, _):
        for path in PATHS:
            for headers in (
                {},
                {"Cookie": f"{client.cookie}=wrong"},
                {"Cookie": f"{client.cookie}="},
                {"Cookie": f"other={TOKEN}"},
                {"Authorization": f"token {TOKEN}"},
            ):
                status, text, _ = await client.get(path, **headers)
                assert (status, "needs the token" in text) == (403, True), (path, headers)
        for path in ("/?token=wrong", "/?token=", "/static/js/textual.js?token=" + TOKEN):
            assert (await client.get(path))[0] == 403, path
        # A valid cookie does not excuse a wrong token.
        assert (await client.get("/?token=wrong", **client.allowed()))[0] == 403


async def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    async with serving() as (client, _, _):
        status, _, headers = await client.get(f"/?token={TOKEN}&fontsize=14")
        assert (status, headers["Location"]) == (303, "/?fontsize=14")
        cookie = headers["Set-Cookie"]
        assert cookie.startswith(f"{client.cookie}={TOKEN};")
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert word in cookie
        assert "expires" not in cookie.lower() and "domain" not in cookie.lower()
        status, page, _ = await client.get("/", **client.allowed())
        assert status == 200
        assert TOKEN not in page
        assert (await client.get("/nothing", **client.allowed()))[0] == 404
        assert (await client.get("/static/js/textual.js", **client.allowed()))[0] == 200
        for path in ("/static/", "/static/../server.py", "/page/..%2fserver.py", "/download/x"):
            assert (await client.get(path, **client.allowed()))[0] in (403, 404), path


async def test_another_host_is_refused_even_with_the_token() -> None:
    async with serving() as (client, _, _):
        for host, status in (
            ("localhost:9123", 200),
            ("[::1]:9123", 200),
            ("evil.org", 403),
            ("evil.org:80", 403),
            ("10.0.0.5:8000", 403),
        ):
            got = await client.get("/", Host=host, **client.allowed())
            assert got[0] == status, host
            assert (await client.get(f"/?token={TOKEN}", Host=host))[0] == (
                303 if status == 200 else 403
            )


async def test_a_page_of_another_origin_gets_no_screen() -> None:
    async with serving() as (client, _, _):
        for origin in (None, "null", "http://evil.org", "http://127.0.0.1:1", "http://localhost"):
            headers = client.allowed() | ({"Origin": origin} if origin else {})
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with client.open_socket(headers):
                    pass
            assert refused.value.status == 403, origin
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with client.open_socket({"Origin": f"http://{client.host}"}):
                pass
        assert refused.value.status == 403


async def test_every_response_has_the_security_headers() -> None:
    async with serving() as (client, _, _):
        for path, given in (("/", client.allowed()), ("/", {}), ("/nothing", client.allowed())):
            _, _, headers = await client.get(path, **given)
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Cache-Control"] == "no-store"
            assert "Python" not in headers["Server"]
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert f"connect-src 'self' ws://{client.host} " in policy
        # An unknown host name does not get into the policy.
        _, _, headers = await client.get("/", Host="x;script-src *")
        assert "script-src *" not in headers["Content-Security-Policy"]


async def test_the_page_escapes_its_title_and_names_no_other_server() -> None:
    async with serving(title='<img src=x onerror="1">') as (client, _, _):
        _, page, _ = await client.get("/?fontsize=%22%3E%3Cscript%3E", **client.allowed())
        assert "<img" not in page
        assert '"><script>' not in page
        assert "http:" not in page and "https:" not in page
        assert 'data-font-size="16"' in page
        for path in ("/page/page.js", "/page/page.css"):
            _, text, _ = await client.get(path, **client.allowed())
            assert "http://" not in text and "https://" not in text


# ---- a tab ---------------------------------------------------------------------------------------


class Seen:
    """The terminal of a tab; only changes are sent, so the bytes alone hold no whole words."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""

    async def wait_for(self, tab: Socket, text: str, row: slice = slice(None)) -> None:
        """Wait until the terminal shows a text in some rows."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while text not in "\n".join(self.screen.display[row]):
                message = await tab.receive()
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._stream.feed(message.data)
                    self.raw += message.data


async def received(tab: Socket) -> Any:
    """Return the next message to the page."""
    return await tab.receive(DEADLINE_SECONDS)


async def ending(tab: Socket) -> dict[str, object]:
    """Return the screen's last message to the page."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            message = await tab.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            if message.type is aiohttp.WSMsgType.TEXT:
                kind, what = json.loads(message.data)
                if kind == "ended":
                    assert isinstance(what, dict)
                    return what


def children() -> list[psutil.Process]:
    """Return the processes of the screens."""
    return [
        p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE
    ]


async def test_a_screen_is_painted_takes_keys_and_sizes_and_leaves(screen: tuple[str, ...]) -> None:
    async with serving(screen) as (client, _, _), client.tab() as tab:
        screen_text = Seen(100, 40)
        await screen_text.wait_for(tab, "REPLAY #")
        # Unknown messages and lone surrogates are ignored.
        for nonsense in (
            "",
            "{",
            "[]",
            "1",
            '["stdin"]',
            '["stdin", ""]',
            '["resize", {"width": "x"}]',
        ):
            await tab.send_str(nonsense)
        await tab.send_str('["resize", {"width": 1e999, "height": -4}]')
        await tab.send_bytes(b"\xff")
        await tab.send_str('["stdin", "\\ud800"]')
        await tab.send_str('["resize", {"width": 100, "height": 40}]')
        await screen_text.wait_for(tab, "← back", slice(39, None))
        await tab.send_str('["stdin", "\\u001b[F\\u001b[D"]')  # end, and one back
        await screen_text.wait_for(tab, "REPLAY #6")
        await tab.send_str('["ping", "5"]')
        await tab.send_str('["stdin", "q"]')
        assert await ending(tab) == {"code": 0, "message": ""}
        assert (await received(tab)).type is aiohttp.WSMsgType.CLOSE
    assert not children()


async def test_a_closed_tab_ends_its_screen_and_so_does_the_server(screen: tuple[str, ...]) -> None:
    async with serving(screen) as (client, _, runner):
        async with client.tab() as tab:
            await Seen(100, 30).wait_for(tab, "REPLAY")
            assert len(children()) == 1
        async with asyncio.timeout(DEADLINE_SECONDS):
            while children():
                await asyncio.sleep(0.02)
        async with client.tab() as tab:
            await Seen(100, 30).wait_for(tab, "REPLAY")
            ended = asyncio.create_task(runner.cleanup())
            while (message := await received(tab)).type is not aiohttp.WSMsgType.CLOSE:
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
            assert message.data == aiohttp.WSCloseCode.GOING_AWAY
            await ended
    assert not children()


async def test_a_screen_that_ignores_requests_is_ended(screen: tuple[str, ...]) -> None:
    async with serving(screen) as (client, server, _), client.tab() as tab:
        await Seen(100, 30).wait_for(tab, "REPLAY")
        (process,) = children()
        os.kill(process.pid, signal.SIGSTOP)
        server.kill_tabs()
        assert (await ending(tab))["code"] == -signal.SIGKILL
    assert not children()


async def test_the_page_treats_the_text_of_a_table_as_text(
    screen: tuple[str, ...], tmp_path: Path
) -> None:
    hostile = "\x1b]52;c;ZXZpbA==\x07\x1b]2;evil\x1b\\\x9b2J<b>evil</b>"
    (tmp_path / "results.tsv").write_text(TABLE + f"bbbbbbb\t0.5\t1.0\tkeep\tx{hostile}x\n")
    async with serving(screen) as (client, _, _), client.tab() as tab:
        screen_text = Seen(100, 30)
        await screen_text.wait_for(tab, "REPLAY #")
        await tab.send_str('["stdin", "\\u001b[F"]')
        await screen_text.wait_for(tab, "<b>evil</b>")
        assert b"\x1b]" not in screen_text.raw
        assert "\x9b".encode() not in screen_text.raw


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("session", "--", "/nowhere/at/all"), "There is no file, directory or session"),
        (("replay", "--", "no such tag"), "There is no file, directory or session"),
        (("replay", "--nonsense"), "No such option"),
    ],
)
async def test_a_screen_that_cannot_start_says_why_on_the_page(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    screen = (sys.executable, "-P", "-m", "tui.commands.web_tab", *words)
    async with serving(screen) as (client, _, _), client.tab() as tab:
        end = await ending(tab)
    assert told in str(end["message"])
    assert "Traceback" not in str(end["message"])
    assert end["code"] != 0


async def test_a_small_window_gets_a_message(screen: tuple[str, ...]) -> None:
    async with serving(screen) as (client, _, _), client.tab(width=30) as tab:
        end = await ending(tab)
    assert "30×30 is too small" in str(end["message"])
    assert end["code"] == 9


async def test_no_shell_interprets_the_command(tmp_path: Path) -> None:
    source = tmp_path / "a b; touch 'sad' $(touch sad) \x1b]0;x\x07"
    words = (sys.executable, "-P", "-m", "tui.commands.web_tab", "replay", "--", str(source))
    async with serving(words) as (client, _, _), client.tab() as tab:
        end = await ending(tab)
    assert "There is no file, directory or session" in str(end["message"])
    assert "\x1b" not in str(end["message"])
    assert list(tmp_path.iterdir()) == []


async def test_a_screen_whose_server_was_killed_ends(screen: tuple[str, ...]) -> None:
    # As after kill -9: no message says "quit", the pipes just close.
    process = await asyncio.create_subprocess_exec(
        *screen,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
            "TERM": "xterm-256color",
            "COLUMNS": "100",
            "ROWS": "30",
        },
    )
    assert process.stdin and process.stdout and process.stderr
    assert await process.stdout.readline() == b"__GANGLION__\n"
    await asyncio.wait_for(process.stdout.readuntil(b"REPLAY"), DEADLINE_SECONDS)
    process.stdin.close()
    draining = asyncio.create_task(process.stdout.read())
    said = await asyncio.wait_for(process.stderr.read(), DEADLINE_SECONDS)
    await draining
    assert await asyncio.wait_for(process.wait(), DEADLINE_SECONDS) == 0, said
    assert b"was lost" in said


# ---- listening -----------------------------------------------------------------------------------


def test_the_default_port_or_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        monkeypatch.setattr(serving_module, "DEFAULT_PORT", taken.getsockname()[1])
        with listen("127.0.0.1", None) as other:
            assert other.getsockname()[1] not in (0, taken.getsockname()[1])
        with pytest.raises(EnvironmentProblem, match="in use"):
            listen("127.0.0.1", taken.getsockname()[1])
    with listen("127.0.0.1", None) as usual:
        assert usual.getsockname()[1] == serving_module.DEFAULT_PORT


def test_the_address_of_a_server_open_to_the_network() -> None:
    # The socket is bound but does not listen, so no client can connect.
    with socket.socket() as bound:
        bound.bind(("0.0.0.0", 0))
        port = bound.getsockname()[1]
        told = address_of(bound, "0.0.0.0", TOKEN)
        assert told.url == f"http://{socket.gethostname()}:{port}/?token={TOKEN}"
        assert told.ssh == ""
        assert RequestGuard(TOKEN, "0.0.0.0").accepts_host(f"{socket.gethostname()}:{port}")
    with socket.socket(socket.AF_INET6) as bound:
        bound.bind(("::1", 0))
        told = address_of(bound, "::1", TOKEN)
        assert told.url.startswith("http://[::1]:")
        assert ":[::1]:" in told.ssh
