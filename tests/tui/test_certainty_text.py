"""How certain gains are, as text: ±, σ, repeats, the closing measurement, the smallest gain."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.enums import RunPurpose, Verdict
from engine.core.events import AnyEvent
from engine.core.keep_rule.from_session import spread_of
from engine.core.keep_rule.repeated_run import repeated_run_now
from engine.core.reducer import apply
from engine.core.session import Session
from tests import repeated as r
from tests.tui.synthetic import numbered, opening
from tui.present.certainty import (
    half_width_text,
    noise_sentences,
    repeat_mark,
    repeat_text,
)
from tui.present.events import event_text
from tui.present.plain_log import log_lines
from tui.present.summary import experiment_line, summary_lines

HERE = Path("/nowhere")


def log_of(events: list[AnyEvent]) -> list[str]:
    """Return the lines of the plain log for all events."""
    session, lines = Session(), []
    for event in numbered(events):
        session = apply(session, event)
        lines += log_lines(event, session)
    return lines


@pytest.mark.parametrize(
    ("half", "places", "text"),
    [
        (0.00042, 4, "±0.0004"),
        (0.00003, 4, "±3e-05"),
        (0.0, 4, "±0"),
        (12.5, 6, "±12.50000"),
        (float("inf"), 4, ""),
        (None, 4, ""),
    ],
)
def test_half_widths(half: float | None, places: int, text: str) -> None:
    assert half_width_text(half, places) == text


def test_every_repeat_has_a_line_in_the_plain_log() -> None:
    lines = log_of(r.closed(HERE))
    assert "#1 1.000000 (run 1 of 3, to learn how much runs differ)" in lines
    assert "#1 again 1.001000 (run 2 of 3, to learn how much runs differ)" in lines
    assert any(line.startswith("#2 0.970000 (in doubt: ") for line in lines)
    assert any(
        line.startswith("#3 again 0.971800 (in doubt: +0.0011 ± 0.0") and "2 runs" in line
        for line in lines
    )
    fresh = "#2 again 0.972500 (the incumbent for comparison, mean 0.973000 of 2 runs)"
    assert fresh in lines
    closing = [line for line in lines if "closing measurement" in line]
    assert closing == [
        "#1 again 1.000500 (closing measurement 1 of 4)",
        "#2 again 0.972800 (closing measurement 2 of 4)",
        "#1 again 0.999500 (closing measurement 3 of 4)",
        "#2 again 0.973200 (closing measurement 4 of 4)",
    ]


def test_a_session_without_repeats_has_only_the_lines_of_its_verdicts() -> None:
    greedy = replace(r.CONFIG, rule="greedy")
    events = [*opening(HERE, config=greedy), *r.tried(1, (1.0,)), *r.verdict(1, Verdict.KEEP, None)]
    events += [*r.tried(2, (0.9,)), *r.verdict(2, Verdict.KEEP, 0.1)]
    assert [line[:4].strip() for line in log_of(events)[1:]] == ["#1", "#2"]


def test_the_summary_ends_with_the_closing_difference() -> None:
    best, closing = summary_lines(r.session(r.closed(HERE)))[1:]
    assert best.startswith("Best val_bpb 0.973000 (−0.027000 ±0.00")
    assert closing.startswith("Closing measurement: val_bpb −0.027000 ±0.00")
    assert "(95 % interval; 2 runs each of #1 and #2, made after the search)" in closing
    greedy = [*r.calibrated(HERE), *r.tried(2, (0.9,)), *r.verdict(2, Verdict.KEEP, 0.1)]
    assert (
        "(−0.100000 against the baseline; σ not known yet)" in summary_lines(r.session(greedy))[1]
    )


def test_an_experiments_line_counts_its_runs_and_marks_an_indecisive_one() -> None:
    session = r.session(r.closed(HERE))
    kept, undecided = (experiment_line(session, session.experiment(n)) for n in (2, 3))
    assert "✓ keep       0.973000" in kept  # the mean of its fresh runs
    assert " s  ×8 · MATRIX_LR" in kept
    assert undecided.startswith("#3    ? discard")
    assert "×4 indecisive · MATRIX_LR" in undecided


@pytest.mark.parametrize(
    ("events", "text", "mark"),
    [
        (r.tried(1, ()), "#1, run 1 of 3: how much runs differ", "calibration 1/3"),
        (
            [*r.calibrated(HERE)[2:], *r.tried(2, (0.99,)), r.started(2, 2)],
            "#2 again, run 2 of at most 4: in doubt",
            "again 2/4, in doubt",
        ),
        (
            [*r.calibrated(HERE)[2:], *r.tried(2, (0.99,)), r.started(1, 4, RunPurpose.FRESH)],
            "#1 again: the incumbent for comparison",
            "again, incumbent",
        ),
        (
            [*r.night(HERE)[2:], r.started(1, 4, RunPurpose.CLOSING)],
            "closing measurement 1 of 4: #1",
            "closing 1/4",
        ),
    ],
)
def test_what_runs_now(events: list[AnyEvent], text: str, mark: str) -> None:
    repeat = repeated_run_now(r.session([*opening(HERE, config=r.CONFIG), *events]))
    assert repeat is not None
    assert (repeat_text(repeat), repeat_mark(repeat)) == (text, mark)


def test_noise_is_stated_with_its_interval_and_what_can_be_seen() -> None:
    session = r.session(r.closed(HERE))
    spread = spread_of(session)
    noise, seen = noise_sentences(session)
    assert spread is not None
    low, high = spread.interval
    assert f"σ {spread.sigma:.2g} ({low:.2g} to {high:.2g}), from " in noise
    assert seen.startswith("This box cannot see gains below 0.00")
    assert "; with 6 repeats, 0.00" in seen
    (unknown,) = noise_sentences(r.session(r.calibrated(HERE)))
    assert unknown.endswith("σ not known yet, from 3 runs of 1 experiment that ran more than once.")


def test_the_event_list_names_the_purpose_of_a_run() -> None:
    assert event_text(r.started(1, 4, r.FRESH)).line("#1") == (
        "#1: run 4 started, at most 40:00: the incumbent again, for comparison"
    )
    assert event_text(r.started(2, 2)).line("#2") == "#2: run 2 started, at most 40:00"
    (given, _) = r.verdict(3, Verdict.DISCARD, 0.0007, "indecisive: x", indecisive=True)
    assert event_text(given).what.startswith("? indecisive")
