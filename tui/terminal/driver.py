"""Changes Textual's terminal driver to survive lost terminals and invalid input."""

from __future__ import annotations

import os
import selectors
import signal
from codecs import getincrementaldecoder
from collections.abc import Callable
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, cast

from textual import events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import InBandWindowResize

from tui.terminal.lost import report_lost
from tui.terminal.screen_diff import ScreenDiff

if TYPE_CHECKING:
    from textual.app import App


class _TerminalFile:
    """Writes to the terminal's file; after the first failed write, calls `lost` and writes no more.

    The error would end Textual's writer thread, whose queue would fill until the app blocks.
    """

    def __init__(self, file: IO[str], lost: Callable[[], None]) -> None:
        self._file = file
        self._lost = lost
        self._closed = False

    def write(self, text: str) -> None:
        self._attempt(lambda: self._file.write(text))

    def flush(self) -> None:
        self._attempt(self._file.flush)

    def fileno(self) -> int:
        return self._file.fileno()

    def _attempt(self, act: Callable[[], object]) -> None:
        if self._closed:
            return
        try:
            act()
        except (OSError, ValueError):
            self._closed = True
            self._lost()


class SafeDriver(LinuxDriver):
    """The terminal driver of this app: closes the app when the terminal is lost.

    It differs from Textual's driver in four ways: what the terminal already shows is not written
    again (`ScreenDiff`); the end of the input closes the app instead of using a whole core; bytes
    that are not UTF-8 (old mouse reports after re-attaching in tmux) are replaced; a failed
    write closes the app instead of only ending the writer thread.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file = cast("Any", _TerminalFile(cast("IO[str]", self._file), self._lost))
        self._screen_diff = ScreenDiff()

    def write(self, data: str) -> None:
        """Write the part of Textual's output that the terminal does not already show."""
        super().write(self._screen_diff.encode(data))

    def process_message(self, message: Message) -> None:
        """Send a Textual message of a key, the mouse or the terminal to the app.

        After a resize or a regained focus, the next repaint is written in full.
        """
        if isinstance(message, events.Resize | events.AppFocus | InBandWindowResize):
            # The terminal may have been reflowed, cleared or re-attached.
            self._screen_diff.forget()
        super().process_message(message)

    def start_application_mode(self) -> None:
        """Switch the terminal to full-screen mode; after a resize (SIGWINCH), repaint in full."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        resized = signal.getsignal(signal.SIGWINCH)
        if not callable(resized):
            return

        def forget_first(number: int, frame: FrameType | None) -> None:
            self._screen_diff.forget()
            resized(number, frame)

        signal.signal(signal.SIGWINCH, forget_first)

    def forget_screen(self) -> None:
        """Write the next repaint in full, because the terminal may no longer show the last one."""
        self._screen_diff.forget()

    def _lost(self) -> None:
        """Close the app because the terminal was lost; may be called from any thread."""
        report_lost(self._app, self._loop)

    def run_input_thread(self) -> None:
        """Read keys and send them to the app, until the app ends or the terminal is lost."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        data = os.read(self.fileno, 4096)
                    except InterruptedError:
                        continue
                    except OSError:
                        data = b""
                    if not data:
                        self._lost()
                        break
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        try:
            for _ in parser.feed(""):
                pass
        except (EOFError, ParseError):
            return  # an escape sequence was cut off by the end
