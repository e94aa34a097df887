"""Rows that a session took over from a table: shown as what they are; nothing is done to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.imported_attempt import PastAttempt, Unknown
from engine.core.reducer import fold
from engine.core.session import Session
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, attempt, made_up, numbered, opening
from tests.tui.test_keys import told
from tests.tui.widgets.widget_scenes import Host, view_of
from tests.tui.widgets.widget_scenes import text_of as text_of_widget
from tui.app import SupervisorApp
from tui.screens.footer import ActionFooter
from tui.screens.main_screen import MainScreen
from tui.screens.past_row import PastRowScreen
from tui.widgets.progress_chart import ProgressChart
from tui.widgets.results_table import ResultsTable

ROWS = (
    PastAttempt(row=1, description="old baseline", status="keep", verdict=Verdict.KEEP, metric=1.2),
    PastAttempt(
        row=2,
        description=f"older idea {ATTACK}",
        status="meh",
        metric=1.3,
        gain=-0.1,
        named="0123456",
        unknown=(Unknown.EDIT, Unknown.VERDICT, Unknown.TIME),
    ),
    PastAttempt(row=3, description="burnt", status="crash", verdict=Verdict.CRASH),
    PastAttempt(
        row=37,
        description="last old keep",
        status="KEEP",
        verdict=Verdict.KEEP,
        metric=0.9,
        gain=0.3,
        commit="f" * 40,
        on_branch=True,
    ),
)


def gone_on_with(workspace: Path, count: int = 6, rows: tuple[PastAttempt, ...] = ROWS) -> Session:
    events: list[ev.AnyEvent] = [
        *opening(workspace),
        ev.HistoryImported(file="results.tsv", branch="b", tip="f" * 40, attempts=rows),
    ]
    best: float | None = None
    for number, tried in enumerate(made_up(count), start=1):
        events += attempt(number, tried, best=best)
        best = tried.value if tried.verdict is Verdict.KEEP else best
    return fold(numbered(events))


@pytest.fixture
def feed(tmp_path: Path) -> MemoryFeed:
    return MemoryFeed(gone_on_with(tmp_path), tmp_path)


async def test_they_stand_above_the_first_and_are_none_of_the_count(tmp_path: Path) -> None:
    widget = ResultsTable()
    async with Host(widget).run_test(size=(120, 20)) as pilot:
        session = gone_on_with(tmp_path)
        widget.show(view_of(session))
        await pilot.pause()
        assert widget.caption() == "Results · 6 · 4 before the journal"
        rows = text_of_widget(widget).split("\n")[1:]
        assert [row.split()[0].lstrip("★") for row in rows[:6]] == [
            "·1",
            "·2",
            "·3",
            "·37",
            "1",
            "2",
        ]
        assert "– meh" in rows[1]
        assert widget.selected == 6
        await pilot.press("home")
        assert widget.selected is None
        assert widget.selected_past == ROWS[0]
        await pilot.press("down", "down", "down", "down")
        assert widget.selected == 1
        assert widget.selected_past is None
        await pilot.press("up")
        widget.show(view_of(gone_on_with(tmp_path, 9)))
        assert widget.selected_past == ROWS[3]


async def test_sorted_filtered_and_found_with_the_rest(tmp_path: Path) -> None:
    widget = ResultsTable()
    async with Host(widget).run_test(size=(120, 20)) as pilot:
        widget.show(view_of(gone_on_with(tmp_path)))
        await pilot.pause()
        widget.cycle_sort()
        await pilot.pause()
        shown = [row.split()[0] for row in text_of_widget(widget).split("\n")[1:11]]
        assert shown[0] == "·37"
        assert shown[-4:].index("·2") < shown[-4:].index("·3"), "a crash has no value"
        for _ in range(3):
            widget.cycle_sort()
        widget.cycle_filter()
        await pilot.pause()
        rows = text_of_widget(widget)
        assert "·37" in rows
        assert "·2 " not in rows
        for _ in range(3):
            widget.cycle_filter()
        assert widget.search("0123456")
        assert widget.selected_past == ROWS[1]
        assert widget.count("old") == 3


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_nothing_is_done_to_another_experiment_instead(
    app: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("home", "down")
        for key in ("K", "r", "R"):
            await pilot.press(key)
            assert "row ·2 is from before the journal" in told(app)
        await pilot.press("y")
        await until(pilot, lambda: "Row ·2 copied" in told(app))
        await app.screen.run_action("do('copy_commit')")
        await until(pilot, lambda: "Commit copied" in told(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PastRowScreen))
        await pilot.pause()
        shown = text_of(app)
        for word in ("what it changed", "nor whether it was kept", "nor when it ran"):
            assert word in shown.replace("\n", " ")
        assert "0123456: no longer in the repository" in shown
        assert all(c == "\n" or c.isprintable() for c in shown)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PastRowScreen))
        await pilot.press("end", "K")
        await until(pilot, lambda: "experiment 6" in text_of(app) or "Experiment 6" in told(app))
        assert feed.sent == []


async def test_its_footer_can_be_clicked(app: SupervisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("home", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, PastRowScreen))
        await until(pilot, lambda: "esc back" in text_of(app))
        column = text_of(app).split("\n")[-1].index("back")
        await pilot.click(ActionFooter, offset=(column, 0))
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_the_chart_has_them_left_of_the_baseline(tmp_path: Path) -> None:
    widget = ProgressChart()
    async with Host(widget).run_test(size=(100, 20)) as pilot:
        widget.show(view_of(gone_on_with(tmp_path)))
        await pilot.pause()
        rows = text_of_widget(widget).split("\n")
        edge = rows[5].index("┊")
        left, right = [row[:edge] for row in rows[1:-1]], [row[edge:] for row in rows[1:-1]]
        assert sum(row.count("○") for row in left) == 2
        assert sum(row.count("×") for row in left) == 1
        assert not any("○" in row for row in right)
        assert not any("●" in row or "★" in row for row in left)
        assert rows[-1][:edge].split() == ["·1", "before", "the", "journal"]
        assert rows[-1][edge:].split() == ["#1", "#6"]


async def test_before_the_baseline_is_measured_they_are_all_there_is(tmp_path: Path) -> None:
    widget = ProgressChart()
    async with Host(widget).run_test(size=(100, 20)) as pilot:
        widget.show(view_of(gone_on_with(tmp_path, 0)))
        await pilot.pause()
        assert text_of_widget(widget).count("○") == 2


async def test_ten_thousand_of_them_cost_no_more_than_what_is_seen(tmp_path: Path) -> None:
    many = tuple(
        PastAttempt(row=n, description=f"row {n}", verdict=Verdict.DISCARD, metric=1 + n / 1e6)
        for n in range(1, 10_001)
    )
    widget = ResultsTable()
    async with Host(widget).run_test(size=(120, 20)) as pilot:
        widget.show(view_of(gone_on_with(tmp_path, 3, many)))
        await pilot.pause()
        assert widget.selected == 3
        await pilot.press("home")
        assert widget.selected_past == many[0]
        assert "·1 " in text_of_widget(widget)
