"""One tab of a browser and the process that paints its screen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from engine.core.text import sanitize
from tui.present.text import clean_line

_PRELUDE = b"__GANGLION__\n"
_SAID_BYTES = 8192
_TITLE_CHARACTERS = 200
_LEAVE_SECONDS = 5.0
_KILL_SECONDS = 2.0

# What the terminal of `serve` can do says nothing of the browser.
_OF_A_TERMINAL = ("TMUX", "STY", "KITTY_WINDOW_ID", "WT_SESSION", "TEXTUAL", "TEXTUAL_LOG")


class Tab(AppService):
    """Runs the screen, and tells the page at the end what the screen said.

    Beyond its parent: no shell between; the process has a session of its own, so that Ctrl+C in
    the terminal of `serve` is the server's alone; it has ended, whatever it takes, when `stop`
    returns; and what it writes on stderr goes to the page instead of the server's terminal.

    Args:
        words: The command, word by word.
        write_bytes: Sends what is painted to the browser.
        write_str: Sends a message to the page.
        close: Closes the line to the browser.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[object]],
    ) -> None:
        async def close_it() -> None:
            await close()

        super().__init__(
            shlex.join(words),  # to be read by people: what is run are the words
            write_bytes=write_bytes,
            write_str=write_str,
            close=close_it,
            download_manager=DownloadManager(),
        )
        self._words = tuple(words)
        self._gone = False

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        environment = super()._build_environment(width, height)
        for name in _OF_A_TERMINAL:
            environment.pop(name, None)
        # xterm.js, whatever the server was started from.
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        # The packets are ours, but what is said at the end may hold any character.
        environment["PYTHONIOENCODING"] = "utf-8:replace"
        return environment

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._build_environment(width, height),
            start_new_session=True,
        )
        self._stdin = self._process.stdin
        return self._process

    async def run(self) -> None:
        """Pass on what is painted until the process ends, then what it said."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        saying = asyncio.create_task(_last_words(process.stderr))
        with contextlib.suppress(asyncio.IncompleteReadError):
            await self._pass_on(process.stdout)
        code = await process.wait()
        said = sanitize((await saying).decode("utf-8", "replace")).strip()
        await self._tell("ended", {"code": code, "said": said})
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.remote_close()

    async def _pass_on(self, painted: asyncio.StreamReader) -> None:
        if await painted.readline() != _PRELUDE:
            await painted.read()  # no screen came of it; what it said tells why
            return
        while True:
            head = await painted.readexactly(5)
            payload = await painted.readexactly(int.from_bytes(head[1:], "big"))
            if head[:1] == b"D" and not self._gone:
                try:
                    await self.on_data(payload)
                except ConnectionError:
                    # Read on, lest the process hang in a write and never hear that it is to end.
                    self._gone = True
            elif head[:1] == b"M":
                await self.on_meta(payload)

    async def on_meta(self, data: bytes) -> None:
        """A new title. That it leaves is known by its end; it opens no page and sends no file."""
        told = json.loads(data)
        if told.get("type") == "title":
            await self._tell("title", clean_line(str(told.get("title", "")))[:_TITLE_CHARACTERS])

    async def _tell(self, kind: str, what: object) -> None:
        if self._gone:
            return
        try:
            await self.remote_write_str(json.dumps([kind, what]))
        except (ConnectionError, RuntimeError):
            self._gone = True

    async def stop(self) -> None:
        """End this screen, and nothing else: the engine is no child of it."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        self._gone = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.send_meta({"type": "quit"}), _KILL_SECONDS)
        for seconds, harder in ((_LEAVE_SECONDS, process.terminate), (_KILL_SECONDS, process.kill)):
            await asyncio.wait({task}, timeout=seconds)
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                harder()
        await process.wait()
        await task

    def kill(self) -> None:
        """At once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def _last_words(stream: asyncio.StreamReader) -> bytes:
    said = b""
    while data := await stream.read(4096):
        said = (said + data)[-_SAID_BYTES:]
    return said
