"""The keep rule at its edges: a threshold is met by equality, a doubt needs its whole reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.config import GREEDY, MIN_DELTA, ResearchConfig
from engine.core.enums import Direction, Verdict
from engine.core.events import Measurement
from engine.core.verdict import CLOCK_SLACK_SECONDS, find_doubts
from tests.core.judging import decide_once

ANY_GAIN = ResearchConfig(rule=GREEDY)
quarters = st.integers(-400, 400).map(lambda n: n / 4)
"""Numbers whose differences are exact in binary, so that equality means equality."""


@given(quarters, st.integers(1, 400).map(lambda n: n / 4), st.sampled_from(Direction))
def test_a_gain_of_exactly_the_threshold_is_kept(
    incumbent: float, threshold: float, direction: Direction
) -> None:
    config = ResearchConfig(rule=MIN_DELTA, min_delta=threshold, direction=direction)
    sign = -1 if direction is Direction.MIN else 1
    at_threshold = Measurement(metric=incumbent + sign * threshold)
    just_below = Measurement(metric=incumbent + sign * (threshold - 0.125))
    assert decide_once(config, at_threshold, incumbent).verdict is Verdict.KEEP
    below = decide_once(config, just_below, incumbent)
    assert below.verdict is Verdict.DISCARD
    assert below.gain == threshold - 0.125
    assert f"less than the {threshold:.6g} asked for" in below.reason


@example(math.nan, 1.0)
@example(-math.inf, 1.0)
@given(st.floats(allow_nan=True), st.one_of(st.none(), st.floats(allow_nan=False)))
def test_only_a_finite_value_with_a_finite_gain_is_ever_kept(
    value: float, incumbent: float | None
) -> None:
    decision = decide_once(ANY_GAIN, Measurement(metric=value), incumbent)
    if not math.isfinite(value):
        assert decision.verdict is Verdict.CRASH
    elif decision.verdict is Verdict.KEEP:
        assert decision.gain is None or math.isfinite(decision.gain)


def test_a_difference_that_overflows_is_not_a_gain() -> None:
    decision = decide_once(ANY_GAIN, Measurement(metric=-1.7e308), 1.7e308)
    assert decision.verdict is Verdict.DISCARD
    assert decision.gain is None


@given(quarters, quarters, st.integers(-3, 3))
def test_an_equal_value_is_kept_only_with_fewer_lines(
    value: float, incumbent: float, lines_saved: int
) -> None:
    assume(value >= incumbent)
    decision = decide_once(ANY_GAIN, Measurement(metric=value), incumbent, lines_saved=lines_saved)
    simpler = value == incumbent and lines_saved > 0
    assert decision.verdict is (Verdict.KEEP if simpler else Verdict.DISCARD)


@given(st.one_of(st.none(), quarters), quarters, st.sampled_from([GREEDY, MIN_DELTA]))
def test_any_doubt_discards_whatever_the_gain(
    incumbent: float | None, value: float, rule: str
) -> None:
    config = ResearchConfig(rule=rule)
    decision = decide_once(config, Measurement(metric=value), incumbent, doubts=("first", "second"))
    assert decision.verdict is Verdict.DISCARD
    assert "first; second" in decision.reason
    assert decision.gain == (None if incumbent is None else incumbent - value)


@pytest.mark.parametrize("clock", ["training_seconds", "total_seconds"])
@pytest.mark.parametrize(
    ("excess", "doubted"),
    [(-1.0, False), (CLOCK_SLACK_SECONDS, False), (CLOCK_SLACK_SECONDS + 0.5, True)],
)
def test_a_clock_may_be_ahead_by_the_slack_and_no_more(
    clock: str, excess: float, doubted: bool
) -> None:
    reported = replace(Measurement(metric=1.0), **{clock: 100.0 + excess})
    doubts = find_doubts(reported, wall_seconds=100.0, summaries=1, distinct_values=1)
    assert bool(doubts) is doubted
    assert all(clock in doubt for doubt in doubts)


def test_the_slack_allows_for_rounding_and_not_for_minutes() -> None:
    assert 1.0 <= CLOCK_SLACK_SECONDS <= 5.0


@pytest.mark.parametrize(
    ("summaries", "distinct_values", "doubted"),
    [
        # One summary printed twice is a habit of some scripts; one value alone decides nothing.
        (2, 1, False),
        (1, 2, False),
        (0, 0, False),
        (2, 2, True),
        (3, 2, True),
    ],
)
def test_several_summaries_are_doubted_only_where_their_values_differ(
    summaries: int, distinct_values: int, doubted: bool
) -> None:
    doubts = find_doubts(
        Measurement(metric=1.0),
        wall_seconds=10.0,
        summaries=summaries,
        distinct_values=distinct_values,
    )
    assert bool(doubts) is doubted


def test_every_changed_locked_file_is_a_doubt_of_its_own() -> None:
    doubts = find_doubts(
        Measurement(metric=1.0, training_seconds=50.0, total_seconds=60.0),
        wall_seconds=10.0,
        summaries=2,
        distinct_values=2,
        changed_locked=("prepare.py", "data.py"),
        log_rewritten=True,
    )
    assert [doubt.split()[0] for doubt in doubts] == [
        "prepare.py",
        "data.py",
        "run.log",
        "training_seconds",
        "total_seconds",
        "2",
    ]
