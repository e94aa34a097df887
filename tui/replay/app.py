"""Provides the app of a replay: the screens of a live session, painted from a recording."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from textual import events
from textual.screen import Screen

from engine.core.session import Session
from engine.core.text import sanitize
from engine.replay.source import ReplaySource
from tui.app import ExitInfo, SupervisorApp
from tui.replay.detail import ReplayDetail
from tui.replay.feed import ReplayFeed, ReplayFollower
from tui.replay.go_card import GoCard
from tui.replay.player import Player
from tui.replay.screen import ReplayScreen
from tui.replay.shell import ReplayShell
from tui.terminal.attention import Attention

_TICK_SECONDS = 1 / 15
_READ_SECONDS = 1.0
"""Seconds between two reads of what a running session has added to its journal."""
_FOLD_SECONDS = 0.02
_NOTE_SECONDS = 20.0


class _NoAttention(Attention):
    """Sends no notification, in place of the class that alerts the user of a live session."""

    def show(self, session: Session) -> None:
        """Ignore the newest state of the session."""


class ReplayApp(SupervisorApp):
    """The app that replays a recording.

    Args:
        source: The recording and its files.
        theme: The name of a theme; None for the one the user chose last.
        forced_theme: The only theme that this terminal can show, as `prepare_environment` returned
            it; None if it can show any.
        clock: A function that returns seconds of a monotonic clock.
    """

    # Textual resolves a path beside the class that names it.
    CSS_PATH = "../screens/main_screen.tcss"

    feed: ReplayFeed

    def __init__(
        self,
        source: ReplaySource,
        theme: str | None = None,
        *,
        forced_theme: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        player = Player(source.recording, clock, settled_only=source.from_table)
        feed = ReplayFeed(source, player)
        super().__init__(feed, theme=theme, forced_theme=forced_theme, clock=clock)
        self._follower = ReplayFollower(feed)
        self._attention = _NoAttention(lambda sequence: None, clock, os.environ)
        self.is_live = source.is_live()
        """True while the recorded session is still running."""
        self.view = self._follower.view(self._now())

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen of the replay, which has a time line."""
        return ReplayScreen()

    def on_mount(self) -> None:
        """Start the timers that play, read what a running session adds, and fold events ahead.

        Also shows the notes about the recording, if there are any.
        """
        self.set_interval(_TICK_SECONDS, self._advance)
        self.set_interval(_READ_SECONDS, self._read_new)
        self._folding = self.set_interval(_FOLD_SECONDS, self._fold_ahead)
        source = self.feed.source
        if source.notes:
            notes = "\n".join(sanitize(note) for note in source.notes)
            notes += "\nu shows them." if source.left_out else ""
            self.call_after_refresh(self._show_notes, notes)

    def _show_notes(self, notes: str) -> None:
        """Show for 20 seconds what the user should know about the recording before trusting it."""
        self.notify(notes, severity="warning", timeout=_NOTE_SECONDS, markup=False)

    def on_key(self, event: events.Key) -> None:
        """Pass a key to the open card for an experiment's number, if the card has no focus yet."""
        if isinstance(self.screen, GoCard):
            self.screen.take(event)

    def _advance(self) -> None:
        playing = self.feed.player.playing
        if self.feed.player.tick() or playing != self.feed.player.playing:
            self.feed.moved()

    def _read_new(self) -> None:
        live = self.feed.source.is_live()
        if live or self.is_live:
            self.feed.read_new()
            self._folding.resume()
        if live != self.is_live:
            self.is_live = live
            self.feed.moved()

    def _fold_ahead(self) -> None:
        """Fold events for about 10 ms, so that a later jump across the recording is immediate."""
        until = time.perf_counter() + _FOLD_SECONDS / 2
        player = self.feed.player
        while time.perf_counter() < until:
            left = player.recording.fold_more()
            if player.arrive():
                self.feed.moved()
            if not left:
                self._folding.pause()
                self.exempt_from_collection()
                return

    def _tick(self) -> None:
        """Do nothing, unlike the live app: the time of a replay moves only with its moments."""

    def open_experiment(self, number: int) -> None:
        """Open the screen of one experiment, as it was at the moment that is shown."""
        self.open_once(ReplayDetail(number))

    def action_leave(self) -> None:
        """Exit the app without asking; no engine is stopped."""
        self.exit(ExitInfo("left"))

    def action_help_quit(self) -> None:
        """Show which key leaves the app; Textual calls this on Ctrl+C."""
        self.notify("q leaves.")


_shell: type[ReplayShell] = ReplayApp
"""Makes mypy check that the app has every member its screens may use."""
