"""The app: follows a feed, paints at a pace the terminal can take, and sends what is pressed.

Start it through `tui.terminal.prepare_environment`, before which nothing may import Textual.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from rich.text import Text
from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import Screen
from textual.worker import Worker, WorkerFailed, WorkerState

from engine.core.errors import AutoresearchError
from engine.core.session import Session
from engine.core.text import sanitize
from engine.protocol.commands import AnyCommand
from tui.actions.registry import PROGRAM
from tui.feed import Feed, FeedFollower
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity, bindings_of
from tui.screens.main_screen import MainScreen
from tui.settings import load_settings, remember_theme
from tui.shell import Shell
from tui.terminal.app import ExitInfo, TerminalApp
from tui.terminal.attention import Attention
from tui.terminal.governor import Governor, wanted_hz
from tui.themes import all_themes
from tui.view import View

__all__ = ["ExitInfo", "SupervisorApp"]


Result = TypeVar("Result")


def what_failed(error: BaseException) -> str:
    """One line about an error nobody foresaw; its traceback, without values, goes to a file."""
    from tui.clipboard import cache_directory

    told = clean_line(f"{type(error).__name__}: {error}").strip(": ")[:200]
    path = cache_directory() / f"failure-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sanitize("".join(traceback.format_exception(error))), encoding="utf-8")
        path.chmod(0o600)
        where = f"The traceback is in {path}"
    except OSError as trouble:
        where = f"The traceback could not be written: {trouble.strerror}"
    return f"The screen failed ({told}); the engine goes on. {where}"


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
    CSS_PATH = "screens/main_screen.tcss"
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
        self._follower = FeedFollower(feed, session)
        self.view: View = self._follower.view(now())
        self._told_trouble = ""
        self._attention = Attention(
            self._write_sequence, lambda: self.clock(), os.environ, load_settings()[0].notifications
        )
        self._held: tuple[str, Severity, float | None] | None = None
        """What may be told once no card is open."""
        self.start_theme(theme, forced_theme)

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two frames at present."""
        return self.governor.interval

    # ---- life ------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """The main screen is the first one, not one over an empty one."""
        return MainScreen()

    def on_mount(self) -> None:
        """Begin to follow."""
        if self.troubles:
            self.troubles = ["\n".join(self.troubles)]
        self.run_worker(self._follower.run(), name="follow", exit_on_error=False)
        self.run_worker(self._paint_when_changed(), name="paint")
        self.set_interval(1.0, self._tick)

    def _write_sequence(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    async def _on_exit_app(self) -> None:
        self._attention.restore()
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
        self._attention.show(self.view.session)
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

    def _handle_exception(self, error: Exception) -> None:
        """Nobody foresaw it: one line for the person, the traceback to a file for a report."""
        self._return_code = 1
        if self._exception is not None:
            return
        self._exception = error
        self._exception_event.set()
        cause = error.error if isinstance(error, WorkerFailed) else error
        self._exit_renderables = [Text(what_failed(cause), overflow="fold")]
        self._close_messages_no_wait()

    # ---- what is told ----------------------------------------------------------------------------

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Severity = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """A few words to the person: one at a time, until the next key, never over a card."""
        self._hush()
        if self.screen.is_modal:
            self._held = (message, severity, timeout)
            return
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def _hush(self) -> None:
        if self._notifications:
            self.clear_notifications()

    async def on_event(self, event: events.Event) -> None:
        """Whoever presses a key has read what was told."""
        if isinstance(event, events.Key):
            self._hush()
        await super().on_event(event)

    def pop_screen(self) -> AwaitComplete:
        """Another screen: what was told is old, what was held back is not."""
        self._hush()
        popped = super().pop_screen()
        if self._held is not None and not self.screen.is_modal:
            message, severity, timeout = self._held
            self._held = None
            self.notify(message, severity=severity, timeout=timeout)
        return popped

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
        severity: Severity = "information" if reply.ok else "warning"
        if reply.message:
            self.notify(reply.message, severity=severity)

    def ask(self, question: str, consequence: str, yes: str, no: str, command: AnyCommand) -> None:
        """Ask once before a command that destroys work."""
        from tui.screens.confirm import ConfirmScreen

        def answered(meant: bool | None) -> None:
            if meant:
                self.send(command)

        self.open_once(ConfirmScreen(question, consequence, yes, no, self.clock), answered)

    def open_experiment(self, number: int) -> None:
        """Show one experiment whole."""
        from tui.screens.detail import DetailScreen

        self.open_once(DetailScreen(number))

    def open_overview(self, section: int) -> None:
        """Show a view of the whole session."""
        from tui.overview.screen import WholeScreen

        self.open_once(WholeScreen(section))

    async def copy(self, what: str, text: str) -> None:
        """Copy, and say by which ways."""
        from tui.clipboard import copy

        if not text:
            self.notify(f"{what}: there is nothing to copy.", severity="warning")
            return
        told = await copy(text, self.copy_to_clipboard)
        self.notify(f"{what} {told}")

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

        here = self.screen.ACTIONS if isinstance(self.screen, ActionScreen) else ()
        self.open_once(HelpScreen(here))

    def action_command_palette(self) -> None:
        """Everything by typing."""
        from tui.screens.commands import Palette

        self.open_once(Palette())

    # ---- themes ----------------------------------------------------------------------------------

    def action_choose_theme(self) -> None:
        """Choose the colours while looking at them."""
        from tui.screens.theme_chooser import ThemeScreen

        themes, broken = all_themes()
        if broken:
            self.notify("\n".join(map(str, broken)), severity="warning")

        def chosen(name: str | None) -> None:
            if name is not None and (trouble := remember_theme(name)):
                self.notify(trouble, severity="warning")

        self.open_once(ThemeScreen(themes, self.theme, self.use_theme), chosen)

    def open_once(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Open a screen; a key that came twice, or while a card opens, opens nothing more."""
        if self.screen.is_modal or type(self.screen) is type(screen):
            return
        self._hush()
        self.push_screen(screen, callback)


_shell: type[Shell] = SupervisorApp
"""Makes mypy check that the app has every member its screens may use."""
