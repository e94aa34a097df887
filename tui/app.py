"""Runs the Textual app of one session: follows a feed, paints it, and sends the user's commands.

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
    """Write an unexpected error's traceback to a file in the cache directory.

    Returns:
        One line for the user: the error, and the file, or why the file could not be written.
    """
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
    """The Textual app that shows one session, live or recorded, and sends the user's commands.

    Args:
        feed: The source of the session: a live engine or a recording.
        session: The session to paint until the feed has answered; None for an empty one.
        theme: The name of a theme; None for the terminal's only one, else the one the user saved.
        forced_theme: The only theme that this terminal can show, as `prepare_environment` returned
            it; None if it can show any.
        now: Returns the current time in UTC.
        clock: Returns seconds of a monotonic clock.

    Raises:
        ConfigError: The theme does not exist or is invalid.
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
        """The connection error that the user was notified of last; "" for none."""
        self._attention = Attention(
            self._write_sequence, lambda: self.clock(), os.environ, load_settings()[0].notifications
        )
        self._held: tuple[str, Severity, float | None] | None = None
        """A message (text, severity, timeout) kept until no modal screen is open; None for none."""
        self.start_theme(theme, forced_theme)

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two frames at present; more while frames are late."""
        return self.frame_limiter.interval

    # ---- start, painting and exit ----------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen, for Textual to show at the start instead of an empty one."""
        return MainScreen()

    def on_mount(self) -> None:
        """Start the workers that follow the feed and paint, and a tick every second."""
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
        """Exit with the error when the feed's worker failed: reconnecting would not help.

        An error that is not an `AutoresearchError` is raised again.
        """
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
        """Request a frame while a run is active, so that its elapsed time advances."""
        if self.view.session.running is not None:
            self._follower.changed.set()

    def paint(self) -> None:
        """Show the feed's newest view on the top screen and on those visible behind it.

        Also notifies the user of a new connection error, and alerts one who is looking elsewhere.
        """
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
        """Exit with code 1 and one line about an unexpected error; called by Textual."""
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
        """Show a message as plain text until the next key; it replaces the message shown before.

        While a card (modal screen) is open, keep the message and show it when the card closes.
        """
        self._clear_messages()
        if self.screen.is_modal:
            self._held = (message, severity, timeout)
            return
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def _clear_messages(self) -> None:
        if self._notifications:
            self.clear_notifications()

    async def on_event(self, event: events.Event) -> None:
        """Handle a Textual event; a key press also clears the message shown by `notify`."""
        if isinstance(event, events.Key):
            self._clear_messages()
        await super().on_event(event)

    def pop_screen(self) -> AwaitComplete:
        """Close the top screen, and show the message that `notify` kept while it was open."""
        self._clear_messages()
        popped = super().pop_screen()
        if self._held is not None and not self.screen.is_modal:
            message, severity, timeout = self._held
            self._held = None
            self.notify(message, severity=severity, timeout=timeout)
        return popped

    # ---- requests of screens ---------------------------------------------------------------------

    def send(self, command: AnyCommand) -> None:
        """Send a command to the engine in the background; show its reply or error as a message."""
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
        """Ask the user to confirm a command that destroys work, and send it if they do.

        Args:
            question: The question in the dialog.
            consequence: One sentence about what the command would do.
            yes: The label of the answer that sends the command.
            no: The label of the answer that does nothing.
            command: The command to send to the engine.
        """
        from tui.screens.confirm import ConfirmScreen

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.send(command)

        self.open_once(ConfirmScreen(question, consequence, yes, no, self.clock), answered)

    def open_experiment(self, number: int) -> None:
        """Open the detail screen of the experiment with this number."""
        from tui.screens.detail import DetailScreen

        self.open_once(DetailScreen(number))

    def open_overview(self, section: int) -> None:
        """Open the overview screen at one of its views: 1 (Activity) to 5 (Health)."""
        from tui.overview.screen import OverviewScreen

        self.open_once(OverviewScreen(section))

    async def copy(self, title: str, text: str) -> None:
        """Copy a text to the clipboard, and show a message with the title and how it was copied.

        Args:
            title: What the text is, to begin the message with: `Commit hash`.
            text: The text; where it is empty, only a warning is shown.
        """
        from tui.clipboard import copy

        if not text:
            self.notify(f"{title}: there is nothing to copy.", severity="warning")
            return
        outcome = await copy(text, self.copy_to_clipboard)
        self.notify(f"{title} {outcome}")

    # ---- actions of every screen -----------------------------------------------------------------

    async def action_do(self, name: str) -> None:
        """Perform the action of this name on the top screen, if that is an `ActionScreen`."""
        if isinstance(self.screen, ActionScreen):
            await self.screen.action_do(name)

    def action_leave(self) -> None:
        """Exit the app, saying whether the session has ended; a running engine continues."""
        ended = self.view.session.ended
        info = ExitInfo("left") if ended is None else ExitInfo("ended", ended)
        self.exit(info)

    async def action_quit(self) -> None:
        """Exit the app as `action_leave` does; Textual itself calls this on Ctrl+Q."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """Show a message that `q` leaves; Textual calls this on Ctrl+C."""
        self.notify("q leaves; the engine goes on.")

    def action_help(self) -> None:
        """Open the help page of all keys, those of the current screen first."""
        from tui.screens.help import HelpScreen

        here = self.screen.ACTIONS if isinstance(self.screen, ActionScreen) else ()
        self.open_once(HelpScreen(here))

    def action_command_palette(self) -> None:
        """Open the palette in which the user finds an action by typing."""
        from tui.screens.commands import Palette

        self.open_once(Palette())

    # ---- themes ----------------------------------------------------------------------------------

    def action_choose_theme(self) -> None:
        """Open the theme chooser, and save the chosen theme; warn of invalid theme files."""
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
        """Open a screen, unless a modal screen or a screen of the same class is on top already.

        Args:
            screen: The screen to open.
            callback: Receives the screen's result when it closes.
        """
        if self.screen.is_modal or type(self.screen) is type(screen):
            return  # a repeated key
        self._clear_messages()
        self.push_screen(screen, callback)


_shell: type[Shell] = SupervisorApp
"""Makes mypy check that the app has every member that its screens use."""
