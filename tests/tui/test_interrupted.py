"""A run that the user ended is not a crash, and an open experiment may not be running."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.enums import Actor, Verdict
from engine.core.events import EngineStopped, KillRequested, SessionEnded
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, Tried, attempt, made_up, session_of
from tui.app import SupervisorApp

KILLED = Tried(Verdict.CRASH, 0, 0, "a bad idea", reason="you killed it")


@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_a_killed_run_is_interrupted_and_not_crashed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    feed = MemoryFeed(session_of(tmp_path, made_up(1)), tmp_path)
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=size) as pilot:
        feed.happen(
            KillRequested(by=Actor.SCREEN, experiment=2, run=1),
            *attempt(2, KILLED)[3:],
            *attempt(3, KILLED),
        )
        await until(pilot, lambda: app.view.session.counts.crash == 2)
        await until(pilot, lambda: "✗ crash" in text_of(app))
        shown = text_of(app)
        assert shown.count("‖ interrupted") == 1
        if size[0] > 80:
            assert "1 crashed · 1 interrupted" in shown.split("\n")[0]
        await pilot.press("end", "up", "enter")
        await until(pilot, lambda: "#2 ‖ interrupted" in text_of(app))
        await pilot.press("5")
        await until(pilot, lambda: "‖ interrupted: you killed it" in text_of(app))


@pytest.mark.parametrize("event", [EngineStopped(reason="x"), SessionEnded(reason="x")])
async def test_an_open_experiment_without_an_engine_does_not_run(
    app: SupervisorApp, feed: MemoryFeed, event: EngineStopped | SessionEnded
) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: "…" in text_of(app))
        await pilot.press("enter")
        assert "#21 … open" in text_of(app)
        feed.happen(event)
        await until(pilot, lambda: "#21 ○ open" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "○ open" in text_of(app))
