"""Provides the base class of the app, which handles the terminal: driver, theme, signals."""

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
    """Why the app exited; the command prints it, and how to open the screen again."""

    reason: Reason
    message: str = ""


class TerminalApp(App[ExitInfo]):
    """A base class of Textual apps that filters control characters and exits with its terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.startup_errors: list[str] = []
        """Errors from before the app was mounted, which are then shown as messages."""
        self._settling: Timer | None = None
        self._sized = False
        self._monochrome = False
        self._no_colour = NoColor()
        self._control_filter = ControlFilter()

    # ---- what is written -------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """Return the driver for this terminal, or for a browser tab of textual-serve."""
        if is_in_browser(os.environ):
            from tui.terminal.web_driver import SafeWebDriver

            return SafeWebDriver
        return SafeDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's line filters, `ControlFilter`, and `NoColor` in a monochrome theme."""
        filters = [*super().get_line_filters(), self._control_filter]
        return [*filters, self._no_colour] if self._monochrome else filters

    def _set_pointer_shape(self, shape: str) -> None:
        """Leave the pointer's shape alone: some terminals take OSC 22 for a new window title."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message to the user as plain text: control characters are removed."""
        super().notify(
            sanitize(message), title=title, severity=severity, timeout=timeout, markup=markup
        )

    def action_redraw(self) -> None:
        """Paint the whole screen again, also the cells that the terminal seems to show already."""
        forget = getattr(self._driver, "forget_screen", None)
        if forget is not None:  # the drivers of tests have none
            forget()
        self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """Handle a Textual event; 0.4 s after the last resize, paint the whole screen again."""
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
        """Exit because the terminal no longer exists; the drivers and SIGHUP call this."""
        self.exit(ExitInfo("terminal lost", "The terminal was lost; the engine continues."))

    def action_leave(self) -> None:
        """Exit the app because the user leaves; the engine continues."""
        self.exit(ExitInfo("left"))

    def catch_signals(self) -> None:
        """Exit on SIGHUP, SIGTERM and SIGINT, so that the terminal is restored first."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.terminal_lost)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.action_leave)

    # ---- how it starts ---------------------------------------------------------------------------

    def on_ready(self) -> None:
        """Turn on garbage collection, which `prepare_environment` turned off."""
        self.exempt_from_collection()
        gc.enable()

    def exempt_from_collection(self) -> None:
        """Exempt all present objects from garbage collection, unless headless.

        Walking 10,000 experiments would stop the screen for 150 ms.
        """
        if not self.is_headless:
            gc.freeze()

    def on_mount(self) -> None:
        """Install the signal handlers, and show the start-up errors as messages."""
        self.catch_signals()
        for error in self.startup_errors:
            self.notify(error, severity="warning")

    def start_theme(self, asked: str | None, forced: str | None) -> None:
        """Set the first theme: the requested one, else the terminal's only one, else the saved one.

        A saved theme that is missing or invalid becomes a start-up error, and the default is used.

        Args:
            asked: The theme named on the command line; None if none was named.
            forced: The only theme that this terminal can show; None if it can show any.

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
        """Load the theme of this name and switch the app to it.

        Raises:
            ConfigError: There is no such theme, or it is invalid.
        """
        theme = find_theme(name)
        self._monochrome = theme.monochrome
        self.register_theme(to_textual(theme))
        self.theme = theme.name
