"""The app: follows a feed, paints at a rate the terminal can take, and sends the user's commands.

Call `tui.terminal.prepare_environment` first; nothing may import Textual before it.
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
from tui.terminal.frame_limiter import FrameLimiter, wanted_hz
from tui.themes import all_themes
from tui.view import View

__all__ = ["ExitInfo", "SupervisorApp"]


Result = TypeVar("Result")


def report_failure(error: BaseException) -> str:
    """Write the traceback of an unexpected error to a file and return one line about the error."""
    from tui.settings import cache_directory

    summary = clean_line(f"{type(error).__name__}: {error}").strip(": ")[:200]
    path = cache_directory() / f"failure-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sanitize("".join(traceback.format_exception(error))), encoding="utf-8")
        path.chmod(0o600)
        where = f"The traceback is in {path}"
    except OSError as unwritable:
        where = f"The traceback could not be written: {unwritable.strerror}"
    return f"The screen failed ({summary}); the engine goes on. {where}"


class SupervisorApp(TerminalApp):
    """The screen of one session.

    Args:
        feed: The source of the session: a live engine or a recording.
        session: The session to paint until the feed has answered.
        theme: The name of a theme; None for the one the user chose last.
        forced_theme: The theme that `prepare_environment` found this terminal to need.
        now: Returns the current time in UTC.
        clock: The monotonic clock, in seconds.

    Raises:
        ConfigError: The theme does not exist.
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
        self.frame_limiter = FrameLimiter(wanted_hz(os.environ))
        self.clock = clock
        self._now = now
        self._follower = FeedFollower(feed, session)
        self.view: View = self._follower.view(now())
        self._shown_error = ""
        """The connection error that was shown last."""
        self._attention = Attention(
            self._write_sequence, lambda: self.clock(), os.environ, load_settings()[0].notifications
        )
        self._held: tuple[str, Severity, float | None] | None = None
        """A message that waits until no card is open."""
        self.start_theme(theme, forced_theme)

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two frames at present."""
        return self.frame_limiter.interval

    # ---- start, painting and exit ----------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen, so that no empty screen lies below it."""
        return MainScreen()

    def on_mount(self) -> None:
        """Start to follow the feed and to paint."""
        if self.startup_errors:
            self.startup_errors = ["\n".join(self.startup_errors)]
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
        """Close the screen with the reason when the feed fails for good."""
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
            await self.frame_limiter.wait()

    def _tick(self) -> None:
        """Paint once a second while a run shows its elapsed time."""
        if self.view.session.running is not None:
            self._follower.changed.set()

    def paint(self) -> None:
        """Paint the newest view on the top screen and on those visible behind it."""
        self.view = self._follower.view(self._now())
        self._attention.show(self.view.session)
        if self._follower.error != self._shown_error:
            self._shown_error = self._follower.error
            if self._shown_error and self.view.session.ended is None:
                self.notify(self._shown_error, severity="warning", timeout=10)
        for screen in reversed(self.screen_stack):
            # A screen that was just pushed has no widgets yet; it paints itself once mounted.
            if isinstance(screen, ActionScreen) and screen.is_mounted and screen.is_running:
                screen.show(self.view)
            if not screen.is_modal:
                return

    def _handle_exception(self, error: Exception) -> None:
        """Close the screen with one line about an unexpected error."""
        self._return_code = 1
        if self._exception is not None:
            return
        self._exception = error
        self._exception_event.set()
        cause = error.error if isinstance(error, WorkerFailed) else error
        self._exit_renderables = [Text(report_failure(cause), overflow="fold")]
        self._close_messages_no_wait()

    # ---- messages --------------------------------------------------------------------------------

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Severity = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message until the next key; while a card is open it waits."""
        self._clear_messages()
        if self.screen.is_modal:
            self._held = (message, severity, timeout)
            return
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def _clear_messages(self) -> None:
        if self._notifications:
            self.clear_notifications()

    async def on_event(self, event: events.Event) -> None:
        """Clear the message at a key press, since the user has read it by then."""
        if isinstance(event, events.Key):
            self._clear_messages()
        await super().on_event(event)

    def pop_screen(self) -> AwaitComplete:
        """Close the top screen and show the message that waited behind it."""
        self._clear_messages()
        popped = super().pop_screen()
        if self._held is not None and not self.screen.is_modal:
            message, severity, timeout = self._held
            self._held = None
            self.notify(message, severity=severity, timeout=timeout)
        return popped

    # ---- requests of screens ---------------------------------------------------------------------

    def send(self, command: AnyCommand) -> None:
        """Send a command to the engine and show its answer as a message."""
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
        """Send a command that destroys work once the user has confirmed it."""
        from tui.screens.confirm import ConfirmScreen

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.send(command)

        self.open_once(ConfirmScreen(question, consequence, yes, no, self.clock), answered)

    def open_experiment(self, number: int) -> None:
        """Open the screen of one experiment."""
        from tui.screens.detail import DetailScreen

        self.open_once(DetailScreen(number))

    def open_overview(self, section: int) -> None:
        """Open the overview of the session at one of its sections."""
        from tui.overview.screen import OverviewScreen

        self.open_once(OverviewScreen(section))

    async def copy(self, title: str, text: str) -> None:
        """Copy text to the clipboard and show a message that names the text by its title."""
        from tui.clipboard import copy

        if not text:
            self.notify(f"{title}: there is nothing to copy.", severity="warning")
            return
        outcome = await copy(text, self.copy_to_clipboard)
        self.notify(f"{title} {outcome}")

    # ---- actions of every screen -----------------------------------------------------------------

    async def action_do(self, name: str) -> None:
        """Do an action through the top screen; a card that has no actions ignores it."""
        if isinstance(self.screen, ActionScreen):
            await self.screen.action_do(name)

    def action_leave(self) -> None:
        """Close the screen; the engine keeps running."""
        ended = self.view.session.ended
        info = ExitInfo("left") if ended is None else ExitInfo("ended", ended)
        self.exit(info)

    async def action_quit(self) -> None:
        """Leave on Textual's own Ctrl+Q binding, which takes precedence over every other key."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """Show which key leaves; Textual calls this on Ctrl+C."""
        self.notify("q leaves; the engine goes on.")

    def action_help(self) -> None:
        """Open the page of all keys."""
        from tui.screens.help import HelpScreen

        here = self.screen.ACTIONS if isinstance(self.screen, ActionScreen) else ()
        self.open_once(HelpScreen(here))

    def action_command_palette(self) -> None:
        """Open the command palette."""
        from tui.screens.commands import Palette

        self.open_once(Palette())

    # ---- themes ----------------------------------------------------------------------------------

    def action_choose_theme(self) -> None:
        """Open the theme chooser, which previews each theme."""
        from tui.screens.theme_chooser import ThemeScreen

        themes, broken = all_themes()
        if broken:
            self.notify("\n".join(map(str, broken)), severity="warning")

        def chosen(name: str | None) -> None:
            if name is not None and (error := remember_theme(name)):
                self.notify(error, severity="warning")

        self.open_once(ThemeScreen(themes, self.theme, self.use_theme), chosen)

    def open_once(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Open a screen, unless a card or a screen of the same class is open already."""
        if self.screen.is_modal or type(self.screen) is type(screen):
            return  # a repeated key
        self._clear_messages()
        self.push_screen(screen, callback)


_shell: type[Shell] = SupervisorApp
"""Makes mypy check that the app has every member its screens may use."""
