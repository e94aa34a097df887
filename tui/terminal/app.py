"""Base class of the apps: everything about the terminal, nothing about sessions."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from typing import Literal

import msgspec
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.filter import LineFilter, NoColor
from textual.timer import Timer

from engine.core.errors import ConfigError
from engine.core.text import sanitize
from tui.settings import load_settings
from tui.terminal.check import is_in_browser
from tui.terminal.driver import SafeDriver
from tui.terminal.filter import ControlFilter
from tui.themes import DEFAULT, find_theme, to_textual

_SETTLE_SECONDS = 0.4

Reason = Literal["left", "ended", "terminal lost"]


class ExitInfo(msgspec.Struct, frozen=True):
    """Why the screen closed, so that the command can say how to come back."""

    reason: Reason
    message: str = ""


class TerminalApp(App[ExitInfo]):
    """An app that writes nothing but text to the terminal, and ends when the terminal does."""

    def __init__(self) -> None:
        super().__init__()
        self.startup_errors: list[str] = []
        """Errors from before there was a screen to show them on."""
        self._settling: Timer | None = None
        self._sized = False
        self._monochrome = False
        self._no_colour = NoColor()
        self._control_filter = ControlFilter()

    # ---- what is written -------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """Return a driver that survives the loss of the terminal or of the browser."""
        if is_in_browser(os.environ):
            from tui.terminal.web_driver import SafeWebDriver

            return SafeWebDriver
        return SafeDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's filters, then the one that removes control characters."""
        filters = [*super().get_line_filters(), self._control_filter]
        return [*filters, self._no_colour] if self._monochrome else filters

    def _set_pointer_shape(self, shape: str) -> None:
        """Do nothing: some terminals take OSC 22 for a new window title."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message to the user, as plain text whatever it holds."""
        super().notify(
            sanitize(message), title=title, severity=severity, timeout=timeout, markup=markup
        )

    def action_redraw(self) -> None:
        """Paint the whole screen again."""
        forget = getattr(self._driver, "forget_screen", None)
        if forget is not None:  # the drivers of tests have none
            forget()
        self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """Handle an event; some time after a resize, paint the whole screen again."""
        if isinstance(event, events.Resize):
            # Terminals reflow what they show in their own time, perhaps after the screen painted.
            if self._settling is not None:
                self._settling.stop()
            if self._sized:  # the first event only reports the size
                self._settling = self.set_timer(_SETTLE_SECONDS, self.action_redraw)
            self._sized = True
        await super().on_event(event)

    # ---- how it ends -----------------------------------------------------------------------------

    def terminal_lost(self) -> None:
        """Close the screen because its terminal no longer exists."""
        self.exit(ExitInfo("terminal lost", "The terminal was lost; the engine continues."))

    def action_leave(self) -> None:
        """Close the screen."""
        self.exit(ExitInfo("left"))

    def catch_signals(self) -> None:
        """Close the screen on a signal; otherwise the terminal would be left in raw mode."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.terminal_lost)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.action_leave)

    # ---- how it starts ---------------------------------------------------------------------------

    def on_ready(self) -> None:
        """Start garbage collection."""
        self.exempt_from_collection()
        gc.enable()

    def exempt_from_collection(self) -> None:
        """Exempt what is loaded: walking 10,000 experiments would stop the screen for 150 ms."""
        if not self.is_headless:
            gc.freeze()

    def on_mount(self) -> None:
        """Handle signals, and show the errors of the start-up."""
        self.catch_signals()
        for error in self.startup_errors:
            self.notify(error, severity="warning")

    def start_theme(self, asked: str | None, forced: str | None) -> None:
        """Choose the first theme: the requested one, else the terminal's, else the saved one.

        Args:
            asked: The theme named on the command line.
            forced: The only theme that this terminal can show.

        Raises:
            ConfigError: The requested theme does not exist or is invalid.
        """
        settings, error = load_settings()
        if error:
            self.startup_errors.append(error)
        if asked is not None:
            self.use_theme(asked)
            return
        try:
            self.use_theme(forced or settings.theme or DEFAULT)
        except ConfigError as invalid:
            # A saved theme that no longer works does not keep the user from the session.
            self.startup_errors.append(str(invalid))
            self.use_theme(DEFAULT)

    def use_theme(self, name: str) -> None:
        """Switch to a theme.

        Raises:
            ConfigError: There is no such theme, or it is invalid.
        """
        theme = find_theme(name)
        self._monochrome = theme.monochrome
        self.register_theme(to_textual(theme))
        self.theme = theme.name
