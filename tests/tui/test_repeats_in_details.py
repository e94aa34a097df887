"""Every run of an experiment in its details and in exports; what keys do while one is repeated."""

from __future__ import annotations

import json
from pathlib import Path

from engine.core.enums import RunPurpose, Verdict
from engine.core.events import AnyEvent
from engine.core.table.session_table import table_of
from tests import repeated
from tests.tui.widgets.widget_scenes import Host, text_of, view_of
from tui.commands.results import select, session_facts
from tui.present.experiment import header_lines, history_lines, measurement_lines
from tui.widgets.log_view import LogView
from tui.widgets.progress_chart import ProgressChart

HERE = Path("/nowhere")


def test_the_details_list_every_run_and_what_is_known_of_the_noise() -> None:
    session = repeated.session(repeated.closed(HERE))
    kept = session.experiment(2)
    lines = [text for text, _ in measurement_lines(session, kept)]
    assert "val_bpb 0.973000 ×8" in header_lines(session, kept)[0][0]
    start = lines.index("Runs")
    assert lines[start + 1].split() == ["run", "value", "time", "made", "for"]
    assert lines[start + 2].split() == ["1", "0.970000", "05:01", "first", "run"]
    assert lines[start + 3].split() == ["2", "0.972000", "05:02", "in", "doubt"]
    assert lines[start + 4].split() == ["3", "0.973500", "05:03", "incumbent"]
    assert lines[start + 9].split() == ["8", "0.973200", "05:08", "closing"]
    assert any(line.startswith("This box cannot see gains below 0.00") for line in lines)
    history = [text for text, _ in history_lines(kept)]
    assert "Run 3 on slot 0: the incumbent again, for comparison" in history


def test_an_experiment_of_one_run_has_no_list_of_runs() -> None:
    events = [*repeated.calibrated(HERE), *repeated.tried(2, (1.2,))]
    session = repeated.session([*events, *repeated.verdict(2, Verdict.DISCARD, -0.2)])
    assert "Runs" not in [text for text, _ in measurement_lines(session, session.experiment(2))]


def test_exports_have_the_count_the_values_and_the_mark() -> None:
    session = repeated.session(repeated.closed(HERE))
    table = table_of(session)
    baseline, kept, undecided = table.rows
    assert kept.value == session.best_metric
    assert (kept.extras["runs"], undecided.extras["runs"]) == ("8", "4")
    assert undecided.extras["values"] == "0.972 0.9718 0.9724 0.9727"
    assert (baseline.extras["indecisive"], undecided.extras["indecisive"]) == ("", "indecisive")
    assert 0.0003 < float(kept.extras["sigma"]) < 0.001
    facts = json.loads(json.dumps(session_facts(session, select(table))))
    row = facts["rows"][2]
    assert (row["n"], row["indecisive"]) == (4, True)
    assert [run["value"] for run in row["runs"]] == [0.972, 0.9718, 0.9724, 0.9727]
    assert {run["purpose"] for run in facts["rows"][1]["runs"]} == {"trial", "fresh", "closing"}
    assert facts["noise"]["known"] is True
    assert facts["noise"]["smallest_gain_with_more_repeats"] < facts["noise"]["smallest_gain"]


async def test_the_chart_shades_two_sigma_about_the_incumbent() -> None:
    async def chart(events: list[AnyEvent]) -> str:
        widget = ProgressChart()
        async with Host(widget).run_test(size=(100, 12)) as pilot:
            widget.show(view_of(repeated.session(events)))
            await pilot.pause()
            return text_of(widget)

    shaded = await chart(repeated.closed(HERE))
    assert "░ ±2 σ" in shaded
    assert sum("░" in line for line in shaded.splitlines()[1:]) >= 1
    assert "★ 0.973000 #2" in shaded
    assert "░" not in await chart(repeated.calibrated(HERE))


def test_the_row_of_a_repeat_keeps_its_verdict() -> None:
    events = [*repeated.calibrated(HERE), *repeated.tried(2, (0.99,))]
    session = repeated.session([*events, repeated.started(1, 4, RunPurpose.FRESH)])
    assert session.in_training is session.experiments[0]
    assert session.current is session.experiments[1]


async def test_the_log_is_that_of_the_repeat_while_it_runs() -> None:
    events = [*repeated.calibrated(HERE), *repeated.tried(2, (0.99,))]
    widget = LogView()
    async with Host(widget).run_test(size=(80, 10)):
        widget.show(view_of(repeated.session([*events, repeated.started(1, 4, repeated.FRESH)])))
        assert widget.path == HERE / ".autoresearch/nov20/experiments/0001/run-4/run.log"
        widget.show(view_of(repeated.session(events)))
        assert widget.path == HERE / ".autoresearch/nov20/experiments/0002/run-1/run.log"
