"""The keep rule, case by case."""

from __future__ import annotations

import math

import pytest

from engine.core.config import GREEDY, MIN_DELTA, ResearchConfig
from engine.core.enums import Direction, Verdict
from engine.core.events import Measurement
from engine.core.verdict import find_doubts
from tests.core.judging import decide_once

LOWER = ResearchConfig(rule=GREEDY)
HIGHER = ResearchConfig(rule=GREEDY, metric="accuracy", direction=Direction.MAX)
AT_LEAST = ResearchConfig(rule=MIN_DELTA, min_delta=0.01)


@pytest.mark.parametrize(
    ("config", "value", "incumbent", "saved", "verdict", "gain"),
    [
        (LOWER, 1.0, None, 0, Verdict.KEEP, None),
        (LOWER, 0.9, 1.0, 0, Verdict.KEEP, 0.1),
        (LOWER, 1.1, 1.0, 0, Verdict.DISCARD, -0.1),
        (LOWER, 1.0, 1.0, 0, Verdict.DISCARD, 0.0),
        (LOWER, 1.0, 1.0, 3, Verdict.KEEP, 0.0),
        (LOWER, 1.0, 1.0, -3, Verdict.DISCARD, 0.0),
        (HIGHER, 0.9, 1.0, 0, Verdict.DISCARD, -0.1),
        (HIGHER, 1.1, 1.0, 0, Verdict.KEEP, 0.1),
        (AT_LEAST, 0.995, 1.0, 0, Verdict.DISCARD, 0.005),
        (AT_LEAST, 0.98, 1.0, 0, Verdict.KEEP, 0.02),
        (LOWER, math.nan, 1.0, 0, Verdict.CRASH, None),
        (LOWER, -math.inf, 1.0, 0, Verdict.CRASH, None),
        # A crash's 0.0 never gets here, but a real 0.0 is a value like any other.
        (LOWER, 0.0, 1.0, 0, Verdict.KEEP, 1.0),
    ],
)
def test_rule(
    config: ResearchConfig,
    value: float,
    incumbent: float | None,
    saved: int,
    verdict: Verdict,
    gain: float | None,
) -> None:
    decision = decide_once(config, Measurement(metric=value), incumbent, lines_saved=saved)
    assert decision.verdict is verdict
    assert decision.gain == (None if gain is None else pytest.approx(gain))


def test_a_doubted_gain_is_not_kept() -> None:
    decision = decide_once(LOWER, Measurement(metric=0.5), 1.0, doubts=("prepare.py was changed",))
    assert decision.verdict is Verdict.DISCARD
    assert "prepare.py" in decision.reason


@pytest.mark.parametrize(
    ("measurement", "facts", "says"),
    [
        (Measurement(metric=1, training_seconds=300), {"wall_seconds": 20}, "training_seconds"),
        (Measurement(metric=1, total_seconds=300), {"wall_seconds": 20}, "total_seconds"),
        (Measurement(metric=1), {"summaries": 2, "distinct_values": 2}, "2 summaries"),
        (Measurement(metric=1), {"changed_locked": ("prepare.py",)}, "prepare.py was changed"),
    ],
)
def test_doubts(measurement: Measurement, facts: dict[str, object], says: str) -> None:
    given = {"wall_seconds": 1000.0, "summaries": 1, "distinct_values": 1, **facts}
    (doubt,) = find_doubts(measurement, **given)  # type: ignore[arg-type]
    assert says in doubt


def test_an_honest_run_raises_no_doubt() -> None:
    honest = Measurement(metric=1, training_seconds=300.2, total_seconds=326)
    assert find_doubts(honest, wall_seconds=327, summaries=1, distinct_values=1) == ()


@pytest.mark.parametrize(
    ("lived", "baseline_uncounted", "doubted"),
    [
        (345, 45, False),
        (360, 45, False),  # slow imports
        (430, 45, False),  # a model that compiles and evaluates nearly three times as long
        (450, 45, True),
        (300, 45, False),  # less than the baseline
        (330, 1, False),  # not a tenth of the training
        (335, 1, True),
        (900, None, False),  # the baseline itself, or one that reports no training seconds
    ],
)
def test_time_outside_of_the_training_is_doubted_where_it_is_far_above_the_baselines(
    lived: float, baseline_uncounted: float | None, doubted: bool
) -> None:
    doubts = find_doubts(
        Measurement(metric=1, training_seconds=300),
        wall_seconds=lived,
        summaries=1,
        distinct_values=1,
        process_seconds=lived,
        baseline_uncounted=baseline_uncounted,
    )
    assert bool(doubts) is doubted
    assert all("training_seconds" in doubt for doubt in doubts)


def test_a_short_run_may_start_slowly_on_a_busy_machine() -> None:
    short = Measurement(metric=1, training_seconds=20)
    facts = {"wall_seconds": 100.0, "summaries": 1, "distinct_values": 1, "baseline_uncounted": 6.0}
    assert not find_doubts(short, process_seconds=37.5, **facts)  # type: ignore[arg-type]
    assert find_doubts(short, process_seconds=38.5, **facts)  # type: ignore[arg-type]


def test_without_reported_training_seconds_there_is_nothing_to_compare() -> None:
    facts = {"wall_seconds": 900.0, "summaries": 1, "distinct_values": 1}
    reported = Measurement(metric=1)
    assert not find_doubts(reported, process_seconds=900.0, baseline_uncounted=5.0, **facts)  # type: ignore[arg-type]
