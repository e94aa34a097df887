"""Keys that arrive in one burst before a frame was painted, and unexpected errors."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from textual import events
from textual.pilot import Pilot

from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed
from tests.tui.test_keys import Clock
from tui.app import ExitInfo, SupervisorApp
from tui.screens.detail import DetailScreen
from tui.screens.main_screen import MainScreen

WIDE = (120, 40)


async def burst(pilot: Pilot[ExitInfo], *keys: str) -> None:
    """As a terminal sends them: all in the queue before the first is looked at."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
    for _ in range(5):
        await pilot.pause()


@pytest.mark.parametrize("keys", ["nn", "yy", "yn", "ny", "qqq"])
async def test_a_second_answer_is_ignored(feed: MemoryFeed, keys: str) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("s")
        clock.seconds += 0.4
        await burst(pilot, *keys)
        assert isinstance(app.screen, MainScreen)
        assert len(feed.sent) == (keys[0] == "y")
        assert app.is_running


@pytest.mark.parametrize(
    ("opening", "twice"),
    [("t", "escape"), ("question_mark", "escape"), ("ctrl+p", "escape")],
)
async def test_every_card_closes_once(app: SupervisorApp, opening: str, twice: str) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press(opening)
        await pilot.pause()
        await burst(pilot, twice, twice)
        assert isinstance(app.screen, MainScreen)
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        await burst(pilot, "escape", "escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_card_opens_once(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        for keys in (("enter", "enter"), ("s", "s", "x"), ("question_mark", "t")):
            await burst(pilot, *keys)
            assert len(app.screen_stack) == 2
            app.screen.dismiss()
            await pilot.pause()


async def test_a_failure_is_one_line_and_a_file(
    app: SupervisorApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: MainScreen) -> None:
        secret = "hunter2"  # noqa: F841
        raise ZeroDivisionError("no \x1b]0;x\x07 way")

    monkeypatch.setattr(MainScreen, "action_zoom", broken)
    told = io.StringIO()
    app.error_console = Console(file=told, width=400)
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=WIDE) as pilot:
            await pilot.press("z")
            await until(pilot, lambda: not app.is_running)
    assert app.return_code == 1
    line = told.getvalue()
    assert line.count("\n") == 1
    assert "The screen failed (ZeroDivisionError: no  way); the engine goes on." in line
    (path,) = (home / "cache" / "autoresearch-tui").glob("failure-*.txt")
    assert str(path) in line
    assert "in broken" in path.read_text()
    assert "hunter2" not in line


async def test_the_screen_is_whole_after_a_burst(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await burst(pilot, *"123456zz/")
        assert "RUNNING" in text_of(app)
