"""The app of a replay: the live one over a recording, with a clock that can be stopped."""

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
_LOOK_SECONDS = 1.0
_FOLD_SECONDS = 0.02
_NOTE_SECONDS = 20.0


class _Quiet(Attention):
    """What happened last night calls nobody."""

    def show(self, session: Session) -> None:
        """Nothing rings."""


class ReplayApp(SupervisorApp):
    """The screen of a recording.

    Args:
        source: What is replayed.
        theme: A theme the person asked for by name; else the remembered one.
        forced_theme: What `prepare_environment` found this terminal to demand.
        clock: Seconds, monotonic.
    """

    # A path is looked for beside the class that names it.
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
        player = Player(source.recording, clock, whole=source.from_table)
        feed = ReplayFeed(source, player)
        super().__init__(feed, theme=theme, forced_theme=forced_theme, clock=clock)
        self._follower = ReplayFollower(feed)
        self._attention = _Quiet(lambda sequence: None, clock, os.environ)
        self.is_live = source.is_live()
        """Whether the session still goes on."""
        self.view = self._follower.view(self._now())

    def get_default_screen(self) -> Screen[None]:
        """With a time line."""
        return ReplayScreen()

    def on_mount(self) -> None:
        """Let time pass where it is let, and look for what is added."""
        self.set_interval(_TICK_SECONDS, self._let_time_pass)
        self.set_interval(_LOOK_SECONDS, self._look)
        self._folding = self.set_interval(_FOLD_SECONDS, self._fold_ahead)
        source = self.feed.source
        if source.notes:
            told = "\n".join(sanitize(note) for note in source.notes)
            told += "\nu shows them." if source.left_out else ""
            self.call_after_refresh(self._say, told)

    def _say(self, told: str) -> None:
        """What should be known before anything is believed."""
        self.notify(told, severity="warning", timeout=_NOTE_SECONDS, markup=False)

    def on_key(self, event: events.Key) -> None:
        """A key that a part was given just before the card for a number opened, and did not want;
        this is where it ends up.
        """
        if isinstance(self.screen, GoCard):
            self.screen.take(event)

    def _let_time_pass(self) -> None:
        was = self.feed.player.playing
        if self.feed.player.tick() or was != self.feed.player.playing:
            self.feed.moved()

    def _look(self) -> None:
        live = self.feed.source.is_live()
        if live or self.is_live:
            self.feed.look()
            self._folding.resume()
        if live != self.is_live:
            self.is_live = live
            self.feed.moved()

    def _fold_ahead(self) -> None:
        """A little at a time, so that the first far jump finds it done."""
        until = time.perf_counter() + _FOLD_SECONDS / 2
        player = self.feed.player
        while time.perf_counter() < until:
            left = player.recording.fold_more()
            if player.arrive():
                self.feed.moved()
            if not left:
                self._folding.pause()
                return

    def _tick(self) -> None:
        """The clock of a replay moves with its moments alone."""

    def open_experiment(self, number: int) -> None:
        """Show one experiment whole, as it stood."""
        self.open_once(ReplayDetail(number))

    def action_leave(self) -> None:
        """Close the screen; nothing else is touched."""
        self.exit(ExitInfo("left"))

    def action_help_quit(self) -> None:
        """What Textual does on Ctrl+C."""
        self.notify("q leaves.")


_shell: type[ReplayShell] = ReplayApp
"""Makes mypy check that the app has every member its screens may use."""
