"""Fixtures of the screen tests: a feed in memory, and a home directory for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.notifications import Notification

from engine.core.reducer import fold
from tests.tui.stillness import until_still
from tests.tui.synthetic import MemoryFeed, events_of, made_up
from tui.app import SupervisorApp


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, themes and copies of this test alone; frames as fast as they may be."""
    for name in ("NO_COLOR", "SSH_CONNECTION", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTORESEARCH_REFRESH_HZ", "30")
    return tmp_path


@pytest.fixture(autouse=True)
def _certain_stillness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait after each key until the app has done what it asked for, not for a span of time."""
    monkeypatch.setattr("textual.app.wait_for_idle", until_still)
    monkeypatch.setattr("textual.pilot.wait_for_idle", until_still)


@pytest.fixture(autouse=True)
def _lasting_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show each message until a key clears it, however slow the test is."""
    monkeypatch.setattr(Notification, "time_left", property(lambda self: 3600.0))


@pytest.fixture
def feed(tmp_path: Path) -> MemoryFeed:
    """Twenty experiments, and a twenty-first in training."""
    events = events_of(tmp_path, made_up(20))
    return MemoryFeed(fold(events), tmp_path, history=events)


@pytest.fixture
def app(feed: MemoryFeed) -> SupervisorApp:
    """The screen of that session."""
    return SupervisorApp(feed, feed.session)
