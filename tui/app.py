"""The app: follows a feed, paints at a pace the terminal can take, and sends what is pressed.

Start it through `tui.terminal.prepare_environment`, before which nothing may import Textual.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.core.errors import AutoresearchError
from engine.core.live import AnyCommand
from engine.core.session import Session
from tui.actions import PROGRAM
from tui.feed import Feed, Follower
from tui.screens.action_screen import ActionScreen, bindings_of
from tui.screens.supervisor import Supervisor
from tui.settings import remember_theme
from tui.terminal.app import ExitInfo, TerminalApp
from tui.terminal.governor import Governor, wanted_hz
from tui.themes import all_themes
from tui.view import View

__all__ = ["ExitInfo", "SupervisorApp"]


class SupervisorApp(TerminalApp):
    """The screen of one session.

    Args:
        feed: A live engine or a recording.
        session: What to paint until the feed has answered.
        theme: A theme the person asked for by name; else the remembered one.
        forced_theme: What `prepare_environment` found this terminal to demand.
        now: The time on the screen's clock, in UTC.
        clock: Seconds, monotonic.

    Raises:
        ConfigError: There is no such theme.
    """

    TITLE = "autoresearch-tui"
    # Textual loads a screen's own style sheet when it is pushed; the first screen never is.
    CSS_PATH = "screens/supervisor.tcss"
    BINDINGS = bindings_of(PROGRAM)

    def __init__(
        self,
        feed: Feed,
        session: Session | None = None,
        theme: str | None = None,
        *,
        forced_theme: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.feed = feed
        self.governor = Governor(wanted_hz(os.environ))
        self.clock = clock
        self._now = now
        self._follower = Follower(feed, session)
        self.view: View = self._follower.view(now())
        self._told_trouble = ""
        self.start_theme(theme, forced_theme)

    # ---- life ------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """The main screen is the first one, not one over an empty one."""
        return Supervisor()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.run_worker(self._follower.run(), name="follow", exit_on_error=False)
        self.run_worker(self._paint_when_changed(), name="paint")
        self.set_interval(1.0, self._tick)

    async def _on_exit_app(self) -> None:
        await self.feed.close()
        await super()._on_exit_app()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A feed that fails for good ends the screen with its reason, not with a traceback."""
        error = event.worker.error
        if event.worker.name != "follow" or event.state is not WorkerState.ERROR or error is None:
            return
        if isinstance(error, AutoresearchError):
            self.exit(ExitInfo("ended", str(error)), return_code=error.exit_code)
            return
        raise error

    async def _paint_when_changed(self) -> None:
        while True:
            await self._follower.changed.wait()
            self._follower.changed.clear()
            self.paint()
            await self.governor.rest()

    def _tick(self) -> None:
        """The clock moves while something runs; else nothing is painted."""
        if self.view.session.running is not None:
            self._follower.changed.set()

    def paint(self) -> None:
        """One view for all that is seen: the top screen, and what shows through it."""
        self.view = self._follower.view(self._now())
        if self._follower.trouble != self._told_trouble:
            self._told_trouble = self._follower.trouble
            if self._told_trouble and self.view.session.ended is None:
                self.notify(self._told_trouble, severity="warning", timeout=10)
        for screen in reversed(self.screen_stack):
            # A screen that was pushed a moment ago has no parts yet; it paints itself when it has.
            if isinstance(screen, ActionScreen) and screen.is_mounted and screen.is_running:
                screen.show(self.view)
            if not screen.is_modal:
                return

    # ---- what screens ask for --------------------------------------------------------------------

    def send(self, command: AnyCommand) -> None:
        """Send a command; what the engine answers is told."""
        self.run_worker(self._send(command))

    async def _send(self, command: AnyCommand) -> None:
        try:
            reply = await self.feed.send(command)
        except AutoresearchError as error:
            self.notify(str(error), severity="error")
            return
        severity: Literal["information", "warning"] = "information" if reply.ok else "warning"
        if reply.message:
            self.notify(reply.message, severity=severity)

    def ask(self, question: str, consequence: str, yes: str, no: str, command: AnyCommand) -> None:
        """Ask once before a command that destroys work."""
        from tui.screens.confirm import ConfirmScreen

        def answered(meant: bool | None) -> None:
            if meant:
                self.send(command)

        self.push_screen(ConfirmScreen(question, consequence, yes, no, self.clock), answered)

    def open_experiment(self, number: int) -> None:
        """Show one experiment whole."""
        from tui.screens.detail import DetailScreen

        self.push_screen(DetailScreen(number))

    async def copy(self, what: str, text: str) -> None:
        """Copy, and say by which ways."""
        from tui.clipboard import copy

        if not text:
            self.notify(f"{what}: there is nothing to copy.", severity="warning")
            return
        told = await copy(text, self.copy_to_clipboard)
        self.notify(f"{what} copied, {told}")

    # ---- actions of every screen -----------------------------------------------------------------

    async def action_do(self, name: str) -> None:
        """Through the screen on top, where it is one of ours; a card has its own keys."""
        if isinstance(self.screen, ActionScreen):
            await self.screen.action_do(name)

    def action_leave(self) -> None:
        """Close the screen; the engine goes on."""
        ended = self.view.session.ended
        info = ExitInfo("left") if ended is None else ExitInfo("ended", ended)
        self.exit(info)

    async def action_quit(self) -> None:
        """Textual's own Ctrl+Q, which goes before every other key."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """What Textual does on Ctrl+C."""
        self.notify("q leaves; the engine goes on.")

    def action_help(self) -> None:
        """All keys."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_command_palette(self) -> None:
        """Everything by typing."""
        from textual.command import CommandPalette

        from tui.screens.commands import Commands

        self.push_screen(CommandPalette(providers=[Commands]))

    # ---- themes ----------------------------------------------------------------------------------

    def action_choose_theme(self) -> None:
        """Choose the colours while looking at them."""
        from tui.screens.theme_chooser import ThemeScreen

        themes, broken = all_themes()
        for error in broken:
            self.notify(str(error), severity="warning")

        def chosen(name: str | None) -> None:
            if name is not None and (trouble := remember_theme(name)):
                self.notify(trouble, severity="warning")

        self.push_screen(ThemeScreen(themes, self.theme), chosen)
