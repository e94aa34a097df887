from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.enums import Direction, RunPurpose, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.vector import Vector
from tests import repeated
from tests.tui.widgets.widget_scenes import START, Host, session_of, text_of, view_of
from tests.work import lines_executed
from tui.present.results_columns import columns_for
from tui.present.results_order import Filter, Sort, order_of, seconds_of
from tui.widgets.results_table import ResultsTable


class Listening(Host):
    def on_results_table_opened(self, message: ResultsTable.Opened) -> None:
        self.seen.append(("opened", message.number))

    def on_results_table_highlighted(self, message: ResultsTable.Highlighted) -> None:
        self.seen.append(("highlighted", message.number))


async def test_columns_and_marks() -> None:
    widget = ResultsTable()
    session = session_of(60)
    async with Host(widget).run_test(size=(140, 30)) as pilot:
        widget.show(view_of(session))
        await pilot.pause()
        header, *rows = text_of(widget).split("\n")
        assert header.split() == [
            *("#", "commit", "val_bpb", "Δ", "mem", "status", "category", "time", "hypothesis")
        ]
        shown = "\n".join(rows)
        assert f"★{session.incumbent}" in shown
        assert "✓ keep" in shown
        assert "· discard" in shown
        assert "▼−0.00" in shown
        assert "△+0.00" in shown
        assert rows[28].split()[0] == "61"
        assert "… train" in rows[28]


async def test_a_narrow_table_keeps_the_important_columns() -> None:
    widget = ResultsTable()
    async with Host(widget).run_test(size=(40, 8)) as pilot:
        widget.show(view_of(session_of(20)))
        await pilot.pause()
        header = text_of(widget).split("\n")[0].split()
        assert header[:2] == ["#", "val_bpb"]
        assert header[-1] == "hypothesis"


async def test_the_table_follows_the_newest_until_the_cursor_moves() -> None:
    widget = ResultsTable()
    async with Listening(widget).run_test(size=(100, 20)) as pilot:
        widget.show(view_of(session_of(60)))
        await pilot.pause()
        assert widget.selected == 61
        widget.show(view_of(session_of(62)))
        assert widget.selected == 63
        await pilot.press("up", "up")
        assert widget.selected == 61
        widget.show(view_of(session_of(70)))
        assert widget.selected == 61
        await pilot.press("home")
        assert (widget.selected, widget.scroll_offset.y) == (1, 0)
        await pilot.press("pagedown")
        assert widget.selected == 19
        await pilot.press("end", "enter")
        assert widget.selected == 71
        widget.show(view_of(session_of(71)))
        assert widget.selected == 72
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, Listening)
        assert ("opened", 71) in app.seen
        assert ("highlighted", 61) in app.seen


async def test_a_click_moves_the_cursor() -> None:
    widget = ResultsTable()
    async with Listening(widget).run_test(size=(100, 20)) as pilot:
        widget.show(view_of(session_of(5)))
        await pilot.pause()
        await pilot.click(ResultsTable, offset=(10, 3))
        assert widget.selected == 3
        await pilot.click(ResultsTable, offset=(10, 0))
        await pilot.click(ResultsTable, offset=(10, 15))
        assert widget.selected == 3


async def test_sort_filter_and_search() -> None:
    widget = ResultsTable()
    session = session_of(125)
    async with Host(widget).run_test(size=(120, 20)) as pilot:
        widget.show(view_of(session))
        await pilot.pause()
        assert widget.caption() == "Results · 126"
        assert widget.cycle_sort() == "Results · 126 · by metric"
        assert widget.selected == session.incumbent
        assert widget.cycle_filter() == "Results · 126 · kept only · by metric"
        assert [widget.cycle_sort() for _ in range(3)][-1] == "Results · 126 · kept only"
        await pilot.pause()
        assert "discard" not in text_of(widget)
        assert widget.cycle_filter() == "Results · 126 · discarded only"
        assert widget.cycle_filter() == "Results · 126 · crashed only"
        await pilot.pause()
        assert text_of(widget).count("✗ crash") == session.counts.crash
        assert widget.cycle_filter() == "Results · 126"
        assert widget.search("ATTENTION")
        first = widget.selected
        assert widget.search("attention")
        assert widget.selected != first
        assert not widget.search("no such text")
        number = widget.selected
        assert number is not None
        assert widget.search(session.experiment(7).commit[:7])
        assert widget.selected == 7


async def test_an_empty_filter_has_a_message() -> None:
    widget = ResultsTable()
    async with Host(widget).run_test(size=(80, 10)) as pilot:
        widget.show(view_of(session_of(1)))
        for _ in range(3):
            widget.cycle_filter()
        await pilot.pause()
        assert widget.selected is None
        assert "No experiment is crashed." in text_of(widget)
        await pilot.press("down", "enter", "pageup")


METRICS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(allow_nan=True)),
        st.one_of(st.none(), st.floats()),
        st.sampled_from([*Verdict, None]),
    ),
    max_size=30,
)


def session_with(rows: list[tuple[float | None, float | None, Verdict | None]]) -> Session:
    return Session(
        experiments=Vector(
            Experiment(
                number=number,
                proposal=ev.Proposal(patch_id="x", hypothesis=f"idea {number}"),
                base="",
                drafted_at=START,
                measurement=None if metric is None else ev.Measurement(metric=metric),
                gain=gain,
                verdict=verdict,
            )
            for number, (metric, gain, verdict) in enumerate(rows, start=1)
        )
    )


@given(METRICS, st.sampled_from(Sort), st.sampled_from(Filter))
def test_order_of_shows_each_row_once(
    rows: list[tuple[float | None, float | None, Verdict | None]], sort: Sort, only: Filter
) -> None:
    session = session_with(rows)
    order = list(order_of(session, sort, only))
    wanted = {
        Filter.ALL: None,
        Filter.KEPT: Verdict.KEEP,
        Filter.DISCARDED: Verdict.DISCARD,
        Filter.CRASHED: Verdict.CRASH,
    }[only]
    expected = [n for n, row in enumerate(rows) if only is Filter.ALL or row[2] is wanted]
    assert sorted(order) == expected
    shown = [session.experiments[index] for index in order]
    if sort is Sort.METRIC:
        values = [
            e.measurement.metric
            for e in shown
            if e.measurement is not None and e.verdict is not Verdict.CRASH
        ]
        real = [value for value in values if not math.isnan(value)]
        assert real == sorted(real)
    if sort is Sort.GAIN:
        gains = [e.gain for e in shown if e.gain is not None and not math.isnan(e.gain)]
        assert gains == sorted(gains, reverse=True)


def test_a_maximised_metric_is_sorted_downwards() -> None:
    session = session_of(40, direction=Direction.MAX)
    order = order_of(session, Sort.METRIC, Filter.KEPT)
    assert session.experiments[order[0]].number == session.incumbent


def test_seconds_of_a_running_experiment_are_not_known() -> None:
    session = session_of(2)
    assert seconds_of(session.experiments[0]) == 325.0
    assert seconds_of(session.experiments[2]) is None


async def test_only_visible_rows_are_painted() -> None:
    def paint(widget: ResultsTable, session: Session) -> None:
        widget.show(view_of(session))
        text_of(widget)

    lines = []
    for count in (1_000, 10_000):
        widget, session = ResultsTable(), session_of(count)
        async with Host(widget).run_test(size=(120, 40)) as pilot:
            widget.show(view_of(session_of(3)))
            await pilot.pause()
            lines.append(lines_executed(lambda: paint(widget, session)))  # noqa: B023
            await pilot.pause()
            assert f"{count + 1}" in text_of(widget)
    # Painting a row takes some two thousand lines; looking at one for the width of a column, ten.
    assert lines[1] - lines[0] < 10 * 9_000


async def table_lines(session: Session, width: int) -> list[str]:
    """Return the table's lines as shown at a width."""
    widget = ResultsTable()
    async with Host(widget).run_test(size=(width, 12)) as pilot:
        widget.show(view_of(session))
        await pilot.pause()
        return text_of(widget).splitlines()


async def test_repeated_runs_are_counted_and_an_indecisive_discard_has_its_own_sign() -> None:
    session = repeated.session(repeated.closed(Path("/nowhere")))
    head, first, kept, undecided, *_ = await table_lines(session, 118)
    assert head.split()[:6] == ["#", "commit", "val_bpb", "runs", "Δ", "σ"]
    assert "  1.000000    ×5" in first
    assert "★2" in kept and "0.973000    ×8" in kept  # the mean of its fresh runs
    assert "? indecisive" in undecided
    assert "0.972225    ×4   ▼−0.000775" in undecided
    narrow = await table_lines(session, 78)
    assert narrow[0].split() == ["#", "val_bpb", "runs", "Δ", "status", "hypothesis"]
    assert "0.972225    ×4   ▼−0.000775  ? indecisive  MATRIX_LR" in narrow[3]


async def test_a_repeat_shows_in_the_row_of_the_experiment_that_runs() -> None:
    events = [*repeated.calibrated(Path("/nowhere")), *repeated.tried(2, (0.99,))]
    events.append(repeated.started(1, 4, RunPurpose.FRESH))
    _, first, second, *_ = await table_lines(repeated.session(events), 118)
    assert "×3…" in first and "✓ keep" in first
    assert "… in doubt" in second


def test_a_session_without_repeats_has_no_columns_for_them() -> None:
    titles = [column.title for column in columns_for(session_of(20), 158, 10)]
    assert "runs" not in titles and "σ" not in titles
