"""The command in a pseudo-terminal, and what the user sees on it."""

from __future__ import annotations

import os
import pty
import termios
import time
import weakref
from pathlib import Path

import pexpect.fdpexpect
import pyte
import pytest

from tests.warm import WarmProcess, warm_server
from tests.world import COMMAND, DEADLINE_SECONDS, one_run_each, wait_for


class Window:
    """A command in a pseudo-terminal of its own.

    Args:
        words: The arguments of `autoresearch-tui`.
        columns: The width of the terminal.
        rows: Its height.
        installed: Whether the installed command is started; else a warm process, see `tests.warm`,
            whose engines are warm as well.
    """

    def __init__(
        self, *words: str | Path, columns: int, rows: int, installed: bool = False
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._shown = ""
        self._stream = pyte.ByteStream(self.screen)
        # A library that other tests import says COLUMNS=80, which goes before the terminal's size.
        inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        env = {
            **inherited,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
        }
        arguments = one_run_each([*map(str, words)])
        self._warm: WarmProcess | None = None
        self._terminal: pexpect.spawn | pexpect.fdpexpect.fdspawn
        if installed:
            self._terminal = pexpect.spawn(
                str(COMMAND),
                arguments,
                dimensions=(rows, columns),
                env=env,
                timeout=DEADLINE_SECONDS,
            )
        else:
            ours, theirs = pty.openpty()
            termios.tcsetwinsize(ours, (rows, columns))
            path = Path(os.ttyname(theirs))
            self._warm = WarmProcess(
                *(warm_server(), ["autoresearch-tui", *arguments], Path.cwd(), path, path, env),
                stdin=path,
            )
            self._terminal = pexpect.fdpexpect.fdspawn(ours, timeout=DEADLINE_SECONDS)
            # The command is hung up on where the test leaves it running.
            self._close = weakref.finalize(self, _close, ours, theirs)

    def read(self) -> str:
        """Return the screen as text, with the output that has come."""
        while True:
            try:
                self._stream.feed(self._terminal.read_nonblocking(65536, timeout=0.05))
            except (pexpect.TIMEOUT, pexpect.EOF):
                break
            self._shown = ""
        if not self._shown:
            self._shown = "\n".join(self.screen.display)
        return self._shown

    def wait_for(self, text: str) -> str:
        """Return the screen as soon as it shows a text."""
        until = time.monotonic() + DEADLINE_SECONDS
        while True:
            shown = self.read()
            if text in shown:
                return shown
            if time.monotonic() > until:
                pytest.fail(f"{text!r} was never shown:\n{shown}")

    def press(self, keys: str) -> None:
        """Type."""
        self._terminal.send(keys)

    def wait_for_end(self) -> tuple[int, str]:
        """Return the exit code of the command, and what it left on the screen."""
        wait_for(lambda: bool(self.read()) and self._has_ended(), "the window's end")
        shown = self.read()
        if self._warm is not None:
            self._close()
            return self._warm.wait(), shown
        self._terminal.close()
        assert self._terminal.exitstatus is not None
        return int(self._terminal.exitstatus), shown

    def _has_ended(self) -> bool:
        if self._warm is not None:
            return self._warm.poll() is not None
        return not self._terminal.isalive()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
