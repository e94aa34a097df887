"""Stop conditions: which are reached, from when they count, and what is left until then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.analysis.end_forecast import end_forecast, seconds_per_experiment
from engine.core.analysis.stop_conditions import (
    conditions_text,
    experiments_without_keep,
    flags_to_continue,
    has_room,
    time_limits,
    why_to_end,
)
from engine.core.config import ResearchConfig
from engine.core.enums import Direction, Origin, Outcome, Verdict
from engine.core.reducer import apply, fold
from engine.core.session import Session
from tests.core.session_events import run_started, session_started
from tui.present.end_forecast import end_text

AT = datetime(2026, 11, 29, 22, tzinfo=UTC)
UNTIL = "2026-11-30T07:30+00:00"
MINUTES = timedelta(minutes=6)


def session(letters: str, *, price: float | None = None, **settings: Any) -> Session:
    """A session with a verdict for each letter, six minutes apart: k, d, c, r for a repeat.

    E ends the session and continues it, P changes its patience to 3.
    """
    at = AT
    config = ResearchConfig(**settings)
    found = fold([session_started(config, at=at)])
    best, number = 1.0, 0
    for letter in letters:
        if letter == "E":
            found = apply(found, ev.SessionEnded(at=at, reason="x"))
            found = apply(found, ev.EngineStarted(at=at, pid=1, version="1"))
            continue
        if letter == "P":
            config = replace(config, patience=3)
            found = apply(found, ev.ConfigChanged(at=at, config=config))
            continue
        number += 1
        best -= 0.01 if letter == "k" and number > 1 else 0.0
        verdict = {"k": Verdict.KEEP, "c": Verdict.CRASH}.get(letter, Verdict.DISCARD)
        step: list[ev.AnyEvent] = [
            ev.ProposalDrafted(
                experiment=number,
                base="0" * 40,
                proposal=ev.Proposal(patch_id=f"{number:012x}", hypothesis="h"),
                patch="",
                origin=Origin.CONFIRM if letter == "r" else Origin.AGENT,
                of=1,
            )
        ]
        if price is not None and number > 1:
            step.insert(0, ev.CostIncurred(experiment=number, model="m", dollars=price))
        step.append(run_started(number))
        outcome = Outcome.CODE_CRASH if letter == "c" else Outcome.FINISHED
        step.append(ev.RunEnded(experiment=number, run=1, outcome=outcome))
        if letter != "c":
            value = ev.Measurement(metric=best if letter == "k" else 2.0)
            step.append(ev.Measured(experiment=number, run=1, measurement=value))
        step.append(ev.VerdictGiven(experiment=number, verdict=verdict, reason=""))
        if letter == "k":
            step.append(ev.FrontierAdvanced(experiment=number, commit=f"{number:040x}"))
        for event in step:
            at += MINUTES if isinstance(event, ev.VerdictGiven) else timedelta(0)
            found = apply(found, replace(event, at=at))
    return found


@pytest.mark.parametrize(
    ("letters", "settings", "why"),
    [
        ("", {}, ""),
        ("kdd", {}, ""),
        ("kdd", {"max_experiments": 4}, ""),
        ("kddc", {"max_experiments": 4}, "all 4 experiments are done"),
        ("kdk", {"target": 0.98}, ""),
        ("kdkk", {"target": 0.98}, "the target 0.98 is reached: val_bpb is 0.98"),
        ("k", {"target": 1.5}, "the target 1.5 is reached: val_bpb is 1"),
        ("d", {"target": 3.0}, ""),
        ("k", {"target": 0.9, "direction": Direction.MAX}, "the target 0.9 is reached"),
        ("k", {"target": 1.1, "direction": Direction.MAX}, ""),
        ("kdd", {"patience": 3}, ""),
        ("kddrc", {"patience": 3}, "3 experiments in a row brought no keep"),
        ("kddkdd", {"patience": 3}, ""),
        ("kdddEdd", {"patience": 3}, ""),
        ("kdddEddd", {"patience": 3}, "3 experiments in a row brought no keep"),
        ("kddddPdd", {"patience": 9}, ""),
        ("kddddPddd", {"patience": 9}, "3 experiments in a row brought no keep"),
        ("kdd", {"patience": 2, "max_experiments": 3}, "all 3 experiments are done"),
        ("kdd", {"patience": 2, "max_experiments": 9, "target": 0.5}, "2 experiments in a row"),
    ],
)
def test_a_condition_that_is_reached_is_named(
    letters: str, settings: dict[str, Any], why: str
) -> None:
    found = why_to_end(session(letters, **settings))
    assert found.startswith(why) and bool(found) == bool(why)


def test_time_counts_from_the_start_a_change_or_the_continuation_after_an_end() -> None:
    assert time_limits(session("kd")) == ()
    began = session("kd", for_seconds=3600.0, until=UNTIL)
    until, span = time_limits(began)
    assert (until.text, until.until) == ("until 07:30", datetime(2026, 11, 30, 7, 30, tzinfo=UTC))
    assert (span.text, span.until) == ("for 1 h", AT + timedelta(hours=1))
    restarted = apply(began, ev.EngineStarted(at=AT + MINUTES * 3, pid=2, version="1"))
    assert time_limits(restarted) == (until, span)
    continued = session("kdE", for_seconds=3600.0)
    assert time_limits(continued)[0].until == AT + 2 * MINUTES + timedelta(hours=1)
    other = apply(began, ev.ConfigChanged(at=AT + MINUTES, config=replace(began.config, seed=3)))
    assert time_limits(other) == (until, span)
    longer = replace(began.config, for_seconds=7200.0)
    changed = apply(began, ev.ConfigChanged(at=AT + MINUTES, config=longer))
    assert time_limits(changed)[1].until == AT + MINUTES + timedelta(hours=2)


@pytest.mark.parametrize(
    ("letters", "settings", "number", "room"),
    [
        ("k", {}, 100, True),
        ("kd", {"max_experiments": 4}, 4, True),
        ("kd", {"max_experiments": 4}, 5, False),
        ("kd", {"patience": 3}, 4, True),
        ("kd", {"patience": 3}, 5, False),
        ("kdk", {"patience": 1}, 4, True),
        ("kdk", {"patience": 1}, 5, False),
    ],
)
def test_nothing_is_drafted_for_an_experiment_that_will_not_begin(
    letters: str, settings: dict[str, Any], number: int, room: bool
) -> None:
    assert has_room(session(letters, **settings), number) is room


@given(st.text("kdcrE", max_size=20), st.integers(1, 5), st.integers(1, 20))
def test_room_for_the_next_experiment_means_that_nothing_ends_the_session(
    letters: str, patience: int, most: int
) -> None:
    found = session(f"k{letters}", patience=patience, max_experiments=most)
    assert has_room(found, found.finished + 1) is not bool(why_to_end(found))
    assert experiments_without_keep(found) <= len(found.experiments)


def test_all_conditions_are_listed_alone_and_together() -> None:
    assert conditions_text(ResearchConfig()) == ""
    config = ResearchConfig(
        max_experiments=200, until=UNTIL, for_seconds=28800.0, target=0.97, patience=1
    )
    assert conditions_text(config) == (
        "after 200 experiments, or at 2026-11-30 07:30, or after 8 h, or at val_bpb 0.97, or after "
        "1 experiment in a row without a keep"
    )


def test_the_flags_that_continue_a_session_undo_what_ended_it() -> None:
    assert flags_to_continue(session("kd", patience=1, for_seconds=60.0)) == ""
    assert flags_to_continue(session("kd", max_experiments=2)) == "--max 12"
    over = session("kd", target=1.0, until="2026-11-29T22:10+00:00")
    assert flags_to_continue(over) == "--target none --until none"
    assert flags_to_continue(session("kd", until=UNTIL)) == ""


def test_the_end_is_forecast_from_the_experiments_so_far() -> None:
    now = AT + timedelta(hours=1)
    assert end_forecast(session("kdd"), now) is None
    assert end_text(session("kdd", target=0.5, patience=9), now) == ""
    assert seconds_per_experiment(session("kdddd")) == 360.0
    assert end_text(session("", until=UNTIL), now) == "until 07:30"
    assert end_text(session("kdd", until=UNTIL), now) == "until 07:30: about 85 experiments"
    priced = session("kdd", until=UNTIL, price=0.02)
    assert end_text(priced, now) == "until 07:30: about 85 experiments, $1.70"
    capped = session("kdd", until=UNTIL, price=0.02, max_dollars=0.1)
    assert end_text(capped, now) == "until 07:30: about 3 experiments, $0.06"
    both = session("kdd", until=UNTIL, max_experiments=13)
    assert end_text(both, now) == "until 13 experiments: about 10 experiments"
    sooner = session("kdd", until=UNTIL, max_experiments=500, for_seconds=2 * 3600.0)
    assert end_text(sooner, now) == "for 2 h: about 10 experiments"
    assert end_text(both, now + timedelta(days=9)) == "until 07:30: about 0 experiments"
