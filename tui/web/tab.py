"""Runs the process that shows the screen of one browser tab."""

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
_ERROR_BYTES = 8192
_TITLE_CHARACTERS = 200
_LEAVE_SECONDS = 5.0
_KILL_SECONDS = 2.0

# These describe the terminal of `serve`, not the browser.
_TERMINAL_VARIABLES = ("TMUX", "STY", "KITTY_WINDOW_ID", "WT_SESSION", "TEXTUAL", "TEXTUAL_LOG")


class Tab(AppService):
    """Runs one tab's process, sends its frames to the browser and its last message to the page.

    It differs from textual-serve's `AppService` in four ways: no shell starts the process; the
    process has its own session, so that Ctrl+C in the terminal of `serve` reaches the server only;
    the process has ended when `stop` returns; its stderr goes to the page instead of the server's
    terminal.

    Args:
        command: The command that shows the screen, with its arguments.
        write_bytes: Sends frames to the browser.
        write_str: Sends a JSON message to the page.
        close: Closes the connection to the browser.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[object]],
    ) -> None:
        async def close_it() -> None:
            await close()

        super().__init__(
            shlex.join(command),  # for messages only
            write_bytes=write_bytes,
            write_str=write_str,
            close=close_it,
            download_manager=DownloadManager(),
        )
        self._command_words = tuple(command)
        self._gone = False

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        environment = super()._build_environment(width, height)
        for name in _TERMINAL_VARIABLES:
            environment.pop(name, None)
        # The terminal is xterm.js, whatever terminal the server was started from.
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        # The last message may hold any character.
        environment["PYTHONIOENCODING"] = "utf-8:replace"
        return environment

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._command_words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._build_environment(width, height),
            start_new_session=True,
        )
        self._stdin = self._process.stdin
        return self._process

    async def run(self) -> None:
        """Send the process's frames to the browser until it ends, then its exit code and stderr."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        errors = asyncio.create_task(_read_end(process.stderr))
        with contextlib.suppress(asyncio.IncompleteReadError):
            await self._pass_frames(process.stdout)
        code = await process.wait()
        message = sanitize((await errors).decode("utf-8", "replace")).strip()
        await self._send("ended", {"code": code, "message": message})
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.remote_close()

    async def _pass_frames(self, frames: asyncio.StreamReader) -> None:
        if await frames.readline() != _PRELUDE:
            await frames.read()  # the screen did not start; its stderr says why
            return
        while True:
            head = await frames.readexactly(5)
            payload = await frames.readexactly(int.from_bytes(head[1:], "big"))
            if head[:1] == b"D" and not self._gone:
                try:
                    await self.on_data(payload)
                except ConnectionError:
                    # Keep reading: a process that blocks in a write cannot be told to end.
                    self._gone = True
            elif head[:1] == b"M":
                await self.on_meta(payload)

    async def on_meta(self, data: bytes) -> None:
        """Handle a JSON request of the screen's process: send a new title on, ignore the others."""
        request = json.loads(data)
        if request.get("type") == "title":
            await self._send("title", clean_line(str(request.get("title", "")))[:_TITLE_CHARACTERS])

    async def _send(self, kind: str, what: object) -> None:
        if self._gone:
            return
        try:
            await self.remote_write_str(json.dumps([kind, what]))
        except (ConnectionError, RuntimeError):
            self._gone = True

    async def stop(self) -> None:
        """End this tab's process: ask it to quit, terminate it after 5 s, kill it 2 s later.

        The process has ended on return; the engine is not affected.
        """
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        self._gone = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.send_meta({"type": "quit"}), _KILL_SECONDS)
        for seconds, signal in ((_LEAVE_SECONDS, process.terminate), (_KILL_SECONDS, process.kill)):
            await asyncio.wait({task}, timeout=seconds)
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                signal()
        await process.wait()
        await task

    def kill(self) -> None:
        """Kill the process of this tab without waiting; the engine is not affected."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def _read_end(stream: asyncio.StreamReader) -> bytes:
    """Read a stream until it is closed, and return its last 8 KiB."""
    end = b""
    while data := await stream.read(4096):
        end = (end + data)[-_ERROR_BYTES:]
    return end
