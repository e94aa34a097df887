"""Declares what the screens of a replay may use of its app: the protocol `ReplayShell`."""

from __future__ import annotations

from typing import Any, Protocol, cast

from textual.app import App

from tui.replay.feed import ReplayFeed
from tui.shell import Shell


class ReplayShell(Shell, Protocol):
    """The members of a replay's app that its screens use."""

    @property
    def feed(self) -> ReplayFeed:
        """The recording, and the position in it, as a source of sessions."""

    @property
    def is_live(self) -> bool:
        """True while the recorded session is still running."""


def replay_shell_of(app: App[Any]) -> ReplayShell:
    """Return the same app, typed as the `ReplayShell` that a replay's screens use."""
    return cast("ReplayShell", app)
