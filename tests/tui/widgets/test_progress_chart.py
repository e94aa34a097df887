from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Direction, Verdict
from engine.core.records import Experiment, VerdictCounts
from engine.core.reducer import apply
from engine.core.session import Session
from engine.core.vector import Vector
from tests.tui.widgets.widget_scenes import START, Host, session_of, text_of, view_of
from tests.work import lines_executed
from tui.view import View
from tui.widgets.progress_chart import ProgressChart


def session_with(
    rows: list[tuple[float, Verdict]], direction: Direction = Direction.MIN
) -> Session:
    return Session(
        config=ResearchConfig(direction=direction),
        counts=VerdictCounts(keep=len(rows)),
        incumbent=1 if rows else None,
        experiments=Vector(
            Experiment(
                number=number,
                proposal=ev.Proposal(patch_id="x", hypothesis="x"),
                base="",
                drafted_at=START,
                measurement=ev.Measurement(metric=value),
                verdict=verdict,
            )
            for number, (value, verdict) in enumerate(rows, start=1)
        ),
    )


async def chart_rows(session: Session, size: tuple[int, int] = (80, 20)) -> list[str]:
    widget = ProgressChart()
    async with Host(widget).run_test(size=size) as pilot:
        widget.show(View(session=session))
        await pilot.pause()
        return text_of(widget).split("\n")


async def test_the_chart_marks_each_verdict_and_names_the_best() -> None:
    session = session_of(60)
    rows = await chart_rows(session)
    chart = "\n".join(rows[1:])
    assert rows[0].startswith("val_bpb ↓ lower is better  ★ 0.")
    assert f"#{session.incumbent}" in rows[0]
    for mark in "●✗★":
        assert mark in chart
    assert rows[-1].strip().startswith("#1")
    assert rows[-1].rstrip().endswith("#60")


async def test_one_far_value_does_not_flatten_the_rest() -> None:
    rows = [(0.99 - n * 0.001, Verdict.KEEP) for n in range(20)]
    rows.insert(10, (3.2, Verdict.DISCARD))
    lines = await chart_rows(session_with(rows))
    assert "▲" in lines[1]
    with_dots = [n for n, line in enumerate(lines[1:-1]) if "●" in line or "★" in line]
    assert with_dots[0] <= 1
    assert with_dots[-1] == len(lines) - 3
    assert "3.2" not in "\n".join(lines[1:])


async def test_a_maximised_metric_climbs() -> None:
    rows = [(0.5 + n * 0.01, Verdict.KEEP) for n in range(20)]
    lines = await chart_rows(session_with(rows, Direction.MAX))
    assert "↑ higher is better" in lines[0]
    first = next(n for n, line in enumerate(lines[1:-1]) if "★" in line)
    assert first == len(lines) - 3, "number 1 is the star here, at the bottom"


async def test_experiments_that_are_not_drawn_are_counted() -> None:
    rows = [(0.9, Verdict.KEEP), (math.nan, Verdict.DISCARD), (math.nan, Verdict.KEEP)]
    lines = await chart_rows(session_with(rows))
    assert "2 not drawn: no value" in lines[0]
    assert "✗" not in "\n".join(lines[1:])
    assert "not drawn" not in (await chart_rows(session_with(rows[:1])))[0]


async def test_no_experiment_and_only_crashes() -> None:
    assert "No experiment has finished" in (await chart_rows(Session()))[0]
    assert "All 2 crashed" in (await chart_rows(session_with([(0.0, Verdict.CRASH)] * 2)))[0]


@given(
    st.lists(st.tuples(st.floats(), st.sampled_from(Verdict)), max_size=60),
    st.sampled_from(Direction),
    st.integers(1, 90),
    st.integers(1, 30),
)
def test_the_chart_never_raises(
    rows: list[tuple[float, Verdict]], direction: Direction, width: int, height: int
) -> None:
    class Sized(ProgressChart):
        inner = Size(width, height)

        def style_of(self, name: str) -> None:  # type: ignore[override]
            return None

    chart = Sized()
    chart._session = session_with(rows, direction)
    strips = chart.paint(width)
    assert len(strips) <= max(1, height)


async def test_a_redraw_costs_little_per_experiment() -> None:
    widget = ProgressChart()
    async with Host(widget).run_test(size=(120, 40)) as pilot:
        lines = []
        for count in (1_000, 2_000):
            widget.show(view_of(session_of(count)))
            await pilot.pause()
            lines.append(lines_executed(lambda: widget.paint(120)))
        assert lines[1] - lines[0] < 40 * 1_000


async def test_the_chart_is_redrawn_only_after_an_experiment() -> None:
    widget = ProgressChart()
    session = session_of(20)
    async with Host(widget).run_test(size=(120, 40)) as pilot:
        widget.show(view_of(session))
        await pilot.pause()
        strips = widget._strips
        widget.show(view_of(apply(session, ev.RowWritten(experiment=1, file="", at=session.at))))
        await pilot.pause()
        assert widget._strips is strips


@pytest.mark.parametrize("count", [2, 3, 7, 40, 156, 157, 1_000])
async def test_the_last_label_stands_under_the_last_point(count: int) -> None:
    lines = await chart_rows(session_with([(0.5 - n * 0.0001, Verdict.KEEP) for n in range(count)]))
    dots = [column for line in lines[1:-1] for column, sign in enumerate(line) if sign in "●★"]
    axis = lines[-1].rstrip()
    assert axis.endswith(f" #{count}")
    assert max(dots) == len(axis) - 1
    assert min(dots) == axis.index("#1")


async def test_a_single_experiment_has_one_label() -> None:
    lines = await chart_rows(session_with([(0.5, Verdict.KEEP)]))
    assert lines[-1].strip() == "#1"
    star = next(line.index("★") for line in lines[1:-1] if "★" in line)
    assert lines[-1].index("#1") == star
