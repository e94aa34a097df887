"""The interface of the replay app: that of every app, and moves in time."""

from __future__ import annotations

from typing import Any, Protocol, cast

from textual.app import App

from tui.replay.feed import ReplayFeed
from tui.shell import Shell


class ReplayShell(Shell, Protocol):
    """The app of a replay as its screens see it."""

    @property
    def feed(self) -> ReplayFeed:
        """The recording as a source of sessions."""

    @property
    def is_live(self) -> bool:
        """True while the recorded session is still running."""


def replay_shell_of(app: App[Any]) -> ReplayShell:
    """Return the app of a replay's screen as a `ReplayShell`."""
    return cast("ReplayShell", app)
