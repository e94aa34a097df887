"""An app that is safe to show in whatever terminal there is: the half that knows no session."""

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
    """Lets only text through to the terminal, leaves when the terminal does, and restores it."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[str] = []
        """What went wrong before there was a screen to tell it on."""
        self._settling: Timer | None = None
        self._sized = False
        self._monochrome = False
        self._no_colour = NoColor()
        self._control_filter = ControlFilter()

    # ---- what is written -------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """Ours, which survives the loss of the terminal, or of the browser."""
        if is_in_browser(os.environ):
            from tui.terminal.web_driver import SafeWebDriver

            return SafeWebDriver
        return SafeDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and after them the one that lets no control character through."""
        filters = [*super().get_line_filters(), self._control_filter]
        return [*filters, self._no_colour] if self._monochrome else filters

    def _set_pointer_shape(self, shape: str) -> None:
        """Never: a terminal that parses OSC 22 sloppily takes the shape for a new window title."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """A few words to the person, as text whatever they hold."""
        super().notify(
            sanitize(message), title=title, severity=severity, timeout=timeout, markup=markup
        )

    def action_redraw(self) -> None:
        """Paint everything again."""
        forget = getattr(self._driver, "forget_screen", None)
        if forget is not None:  # the drivers of tests have none
            forget()
        self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """After a resize all is painted once more, when the terminal has settled."""
        if isinstance(event, events.Resize):
            # Terminals reflow what they show at a moment of their own, perhaps after our paint.
            if self._settling is not None:
                self._settling.stop()
            if self._sized:  # the first one is no change
                self._settling = self.set_timer(_SETTLE_SECONDS, self.action_redraw)
            self._sized = True
        await super().on_event(event)

    # ---- how it ends -----------------------------------------------------------------------------

    def terminal_lost(self) -> None:
        """Nobody is there any more."""
        self.exit(ExitInfo("terminal lost", "The terminal went away; the engine goes on."))

    def action_leave(self) -> None:
        """Close the screen."""
        self.exit(ExitInfo("left"))

    def catch_signals(self) -> None:
        """Leave on a signal; without this the terminal stays raw, mute and on the wrong screen."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.terminal_lost)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.action_leave)

    # ---- how it starts ---------------------------------------------------------------------------

    def on_load(self) -> None:
        """Nothing is garbage before the first frame; looking for it is a tenth of the start."""
        if not self.is_headless:
            gc.disable()

    def on_ready(self) -> None:
        """What is there stays: the collector need not walk through 10,000 experiments again."""
        if not self.is_headless:
            gc.freeze()
            gc.enable()

    def on_mount(self) -> None:
        """Tell what could not be told before."""
        self.catch_signals()
        for trouble in self.troubles:
            self.notify(trouble, severity="warning")

    def start_theme(self, asked: str | None, forced: str | None) -> None:
        """Choose the first theme: the one asked for, the terminal's, the remembered one, ours.

        Raises:
            ConfigError: The one asked for does not exist or is broken.
        """
        settings, trouble = load_settings()
        if trouble:
            self.troubles.append(trouble)
        if asked is not None:
            self.use_theme(asked)
            return
        try:
            self.use_theme(forced or settings.theme or DEFAULT)
        except ConfigError as error:
            # A theme that was removed or broken since is no reason not to see the session.
            self.troubles.append(str(error))
            self.use_theme(DEFAULT)

    def use_theme(self, name: str) -> None:
        """Change the colours.

        Raises:
            ConfigError: There is no such theme, or it is broken.
        """
        theme = find_theme(name)
        self._monochrome = theme.monochrome
        self.register_theme(to_textual(theme))
        self.theme = theme.name
