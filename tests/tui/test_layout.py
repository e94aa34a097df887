"""What is where, at every size."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.enums import Phase
from engine.protocol.messages import Progress
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, attempt, made_up, session_of
from tui.app import SupervisorApp
from tui.screens.main_screen import MainScreen
from tui.view import LinkState

PARTS = ("#agent", "#edit", "#log", "#devices", "#progress", "#results")


def seen(app: SupervisorApp) -> set[str]:
    return {name for name in PARTS if app.screen.query_one(name).size.area > 0}


@pytest.mark.parametrize("size", [(120, 40), (160, 45), (120, 36), (100, 30)])
async def test_wide_shows_every_part_at_once(app: SupervisorApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert seen(app) == set(PARTS)
        shown = text_of(app)
        for title in ("1 Agent", "2 Edit", "3 ", "4 Devices", "5 Progress", "6 Results"):
            assert title in shown
        assert "RUNNING #21" in shown
        assert "WARMDOWN_RATIO" in shown
        assert "q leave" in shown
        status = app.screen.query_one("#status").region
        footer = app.screen.query_one("#footer").region
        assert (status.y, footer.y) == (0, size[1] - 1)


@pytest.mark.parametrize("size", [(80, 24), (99, 40), (160, 29), (40, 10)])
async def test_narrow_shows_tabs_and_one_part(app: SupervisorApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        for number, name in enumerate(PARTS, start=1):
            await pilot.press(str(number))
            assert seen(app) == {name}
        tabs = app.screen.query_one("#tabs")
        assert tabs.region.y == 1
        assert "q leave" in text_of(app)


async def test_side_by_side_only_where_there_is_room(app: SupervisorApp) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        row = next(line for line in text_of(app).splitlines() if "WARMDOWN_RATIO = 0.5" in line)
        assert "WARMDOWN_RATIO = 0.7" in row
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        row = next(line for line in text_of(app).splitlines() if "WARMDOWN_RATIO = 0.5" in line)
        assert "WARMDOWN_RATIO = 0.7" not in row


async def test_resizing_goes_through_every_layout_and_back(app: SupervisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert seen(app) == {"#log"}
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        assert text_of(app).splitlines()[0].strip() == "too small: needs 40×10"
        assert seen(app) == set()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert seen(app) == set(PARTS)


async def test_what_happened_while_too_small_is_there_afterwards(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    async with app.run_test(size=(20, 5)) as pilot:
        feed.happen(*attempt(21, made_up(30)[20])[3:])
        await until(pilot, lambda: app.view.session.counts.total == 21)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "PROPOSING" in text_of(app) or "DECIDING" in text_of(app)


async def test_only_what_is_seen_is_painted(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MainScreen)
        agent = screen.query_one("#agent")
        painted: list[object] = []
        agent.show = painted.append  # type: ignore[attr-defined]
        feed.happen(*attempt(21, made_up(30)[20])[3:])
        await until(pilot, lambda: app.view.session.counts.total == 21)
        assert painted == []
        await pilot.press("1")
        assert painted == [app.view]


async def test_nothing_is_painted_when_nothing_happens(tmp_path: Path) -> None:
    session = session_of(tmp_path, made_up(20), running=False)
    app = SupervisorApp(MemoryFeed(session, tmp_path), session)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(
            pilot, lambda: app.view.session is session and not app._follower.changed.is_set()
        )
        before = app.view
        for _ in range(5):  # seconds pass
            app._tick()
            await pilot.pause()
        assert app.view is before


async def test_a_lost_engine_is_said_and_found_again(
    app: SupervisorApp, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.feed._RETRY_SECONDS", (0.01,))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: feed.starts == 1)
        feed.refuse_starts = 10**6
        feed.die()
        await until(pilot, lambda: app.view.link is LinkState.RECONNECTING)
        # Before the key, because a key press clears what is told.
        await until(
            pilot, lambda: any("No engine answers." in n.message for n in app._notifications)
        )
        await pilot.press("space")
        assert feed.sent == []
        feed.refuse_starts = 0
        await until(pilot, lambda: app.view.link is LinkState.LIVE)
        await pilot.press("space")
        await until(pilot, lambda: len(feed.sent) == 1)


async def test_the_clock_ticks_though_nothing_is_told(feed: MemoryFeed) -> None:
    began = feed.session.at
    seconds = iter(range(1_000))
    app = SupervisorApp(feed, feed.session, now=lambda: began + timedelta(seconds=next(seconds)))
    async with app.run_test(size=(120, 40)) as pilot:
        feed.tell(Progress(experiment=21, run=1, phase=Phase.STARTING, elapsed_seconds=0.0))
        await until(pilot, lambda: app.view.progress)
        shown = text_of(app).split("\n")[0]
        await until(pilot, lambda: text_of(app).split("\n")[0] != shown)
