"""Changes Textual's web driver to survive lost servers and invalid input, and to send less.

Textual's own keeps running when the server has ended, and fails on a byte that is not UTF-8.
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

from tui.terminal.lost import report_lost
from tui.terminal.screen_diff import ScreenDiff

if TYPE_CHECKING:
    from textual.app import App

_TITLE = "\x1b]2;"


class SafeWebDriver(WebDriver):
    """The driver of this app in a browser tab: closes the app when its web server has ended.

    It differs from Textual's web driver in three ways: what the browser already shows is not sent
    again (`ScreenDiff`), because the connection is often a slow SSH tunnel; a packet that cannot be
    written in full closes the connection; the window's title becomes the title of the browser tab.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._screen_diff = ScreenDiff()
        self._gone = False
        self._write = partial(self._write_whole, self.fileno)

    def write(self, data: str) -> None:
        """Send what the browser does not already show; send a window title as a message."""
        if data.startswith(_TITLE):
            title = data.removeprefix(_TITLE).partition("\x1b")[0]
            self.write_meta({"type": "title", "title": title})
            return
        super().write(self._screen_diff.encode(data))

    def process_message(self, message: Message) -> None:
        """Send a Textual message of a key, the mouse or the browser to the app.

        After a resize or a regained focus, the next repaint is sent in full.
        """
        if isinstance(message, events.Resize | events.AppFocus):
            self._screen_diff.forget()
        super().process_message(message)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Handle a message of the web server other than keys: a resize, focus, blur or quit.

        After a resize, the next repaint is sent in full.

        Args:
            packet_type: The type of the message, such as `resize`.
            payload: The decoded JSON of the message, with the new size for a resize.
        """
        if packet_type == "resize":
            self._screen_diff.forget()
        super().on_meta(packet_type, payload)

    def forget_screen(self) -> None:
        """Send the next repaint in full, because the browser may no longer show the last one."""
        self._screen_diff.forget()

    def _write_whole(self, fileno: int, data: bytes) -> int:
        """Write a whole packet to the web server, or close the app; return the packet's length.

        The rest of a half-written packet would be read as another packet.
        """
        rest = memoryview(data)
        while rest and not self._gone:
            try:
                rest = rest[os.write(fileno, rest) :]
            except OSError:
                self._lost()
        return len(data)

    def _lost(self) -> None:
        """Close the app because the web server was lost; may be called from any thread."""
        self._gone = True
        report_lost(self._app, self._loop)

    def run_input_thread(self) -> None:
        """Read keys and messages from the web server, until the app or the server ends."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        packets = ByteStream()
        try:
            for data in self._input_reader:
                if data:
                    for kind, payload in packets.feed(data):
                        if kind == "D":
                            # The parser takes an empty text for the end of the input.
                            if text := decode(payload):
                                for event in parser.feed(text):
                                    self.process_message(event)
                        else:
                            self._on_meta(kind, payload)
                for event in parser.tick():
                    self.process_message(event)
        except (_ExitInput, OSError, ParseError, ValueError):
            pass  # nothing more can be read
        finally:
            self._input_reader.close()
        if not self.exit_event.is_set():
            self._lost()
