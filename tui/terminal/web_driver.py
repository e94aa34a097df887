"""Textual's web driver, made fit for browsers that go away or send nonsense.

Textual's own stays alive when the server dies, and dies itself of a byte that is not UTF-8.
"""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers._byte_stream import ByteStream
from textual.drivers.web_driver import WebDriver, _ExitInput
from textual.message import Message

from tui.terminal.lost import tell_lost
from tui.terminal.screen_diff import ScreenDiff

if TYPE_CHECKING:
    from textual.app import App

_TITLE = "\x1b]2;"


class SafeWebDriver(WebDriver):
    """A driver that ends the app when the server at its other end does.

    Beyond its parent: what the browser shows already is not sent again (`ScreenDiff`), since it
    often goes through an SSH line; a packet is written whole, or it is the end of the line; and the
    window's title goes to the tab of the browser, whose terminal has none.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._screen_diff = ScreenDiff()
        self._gone = False
        self._write = partial(self._write_whole, self.fileno)

    def write(self, data: str) -> None:
        """Write what the browser does not show already."""
        if data.startswith(_TITLE):
            title = data.removeprefix(_TITLE).partition("\x1b")[0]
            self.write_meta({"type": "title", "title": title})
            return
        super().write(self._screen_diff.encode(data))

    def process_message(self, message: Message) -> None:
        """Keys, and news of the browser."""
        if isinstance(message, events.Resize | events.AppFocus):
            self._screen_diff.forget()
        super().process_message(message)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """What the server says of the browser."""
        if packet_type == "resize":
            self._screen_diff.forget()
        super().on_meta(packet_type, payload)

    def forget_screen(self) -> None:
        """The next repaint is written whole."""
        self._screen_diff.forget()

    def _write_whole(self, fileno: int, data: bytes) -> int:
        """All of it: half a packet would be read as another one."""
        rest = memoryview(data)
        while rest and not self._gone:
            try:
                rest = rest[os.write(fileno, rest) :]
            except OSError:
                self._lost()
        return len(data)

    def _lost(self) -> None:
        """Tell the app, from whichever thread, that nobody is there any more."""
        self._gone = True
        tell_lost(self._app, self._loop)

    def run_input_thread(self) -> None:
        """Read what the server sends until the app ends or the server does."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        packets = ByteStream()
        try:
            for data in self._input_reader:
                if data:
                    for kind, payload in packets.feed(data):
                        if kind == "D":
                            # To the parser, no text is the end of all text.
                            if text := decode(payload):
                                for event in parser.feed(text):
                                    self.process_message(event)
                        else:
                            self._on_meta(kind, payload)
                for event in parser.tick():
                    self.process_message(event)
        except (_ExitInput, OSError, ParseError, ValueError):
            pass  # whatever it was, nothing more can be read
        finally:
            self._input_reader.close()
        if not self.exit_event.is_set():
            self._lost()
