"""Which keeps of a night would stand under another keep rule or another σ."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulate_keep_rules import LARGE, NULL
from benchmarks.simulate_what_if import night, summary
from engine.core.analysis.counterfactual import (
    Fate,
    Kept,
    WhatIf,
    clear_bound,
    coarse_step,
    known_spread,
    what_if,
)
from engine.core.config import CONFIRM, GREEDY, MIN_DELTA, ResearchConfig
from engine.core.enums import Direction
from engine.core.keep_rule import RULES
from engine.core.keep_rule.trial import Step, Trial
from engine.core.spread import Spread

MAX = ResearchConfig(direction=Direction.MAX)


def single(*values: float) -> list[Kept]:
    """Return keeps that were run once each; the first is the baseline."""
    return [Kept(number, (value,)) for number, value in enumerate(values, start=1)]


def fates(answer: WhatIf) -> list[Fate]:
    return [one.fate for one in answer.judged]


# With σ 1 a difference of two single runs has an error of √2: the first bound of a discard lies at
# 0.74 and the bound of a keep after two runs at 2.23 of these.
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("gain", "fate"),
    [
        (-5.0, Fate.DISCARDED),
        (0.0, Fate.DISCARDED),
        (1.0, Fate.DISCARDED),
        (1.1, Fate.REPEATED),
        (3.1, Fate.REPEATED),
        (3.2, Fate.STANDS),
        (50.0, Fate.STANDS),
    ],
)
def test_a_gain_of_single_runs(gain: float, fate: Fate, sign: float) -> None:
    config = ResearchConfig(direction=Direction.MAX if sign > 0 else Direction.MIN)
    answer = what_if(single(7.0, 7.0 + sign * gain), config, known_spread(1.0))
    assert fates(answer) == [fate]
    assert answer.judged[0].gain == pytest.approx(gain)
    assert answer.judged[0].half_width == pytest.approx(1.96 * math.sqrt(2), rel=1e-3)


def test_a_sigma_of_few_degrees_needs_larger_gains() -> None:
    keeps = single(0.0, 4.0)
    assert fates(what_if(keeps, MAX, known_spread(1.0))) == [Fate.STANDS]
    assert fates(what_if(keeps, MAX, Spread(1.0, 4, 6, 2))) == [Fate.REPEATED]
    assert clear_bound(MAX, 4) > clear_bound(MAX)


def test_without_sigma_a_gain_of_a_single_run_cannot_be_told() -> None:
    answer = what_if(single(0.0, 5.0, 4.0), MAX, None)
    assert fates(answer) == [Fate.REPEATED, Fate.DISCARDED]
    assert answer.half_width(*Fate) is None
    assert answer.judged[0].half_width is None


def test_equal_repeats_mean_that_a_gain_is_real() -> None:
    exact = Spread(0.0, 5, 6, 1)
    keeps = [Kept(1, (0.5, 0.5)), Kept(2, (0.5123456,)), Kept(3, (0.5123455,))]
    assert fates(what_if(keeps, MAX, exact)) == [Fate.STANDS, Fate.DISCARDED]


def test_fewer_lines_stand_for_a_small_loss() -> None:
    shorter = [Kept(1, (0.0,) * 4), Kept(2, (0.5, 0.5, 0.5, 0.5), lines_saved=3)]
    longer = [Kept(1, (0.0,) * 4), Kept(2, (0.5, 0.5, 0.5, 0.5))]
    known = known_spread(1.0)
    assert fates(what_if(shorter, MAX, known)) == [Fate.STANDS]
    assert fates(what_if(longer, MAX, known)) == [Fate.DISCARDED]


def test_the_rules_of_a_single_run() -> None:
    keeps = single(0.0, 1.0, 1.2, 1.1)
    greedy = what_if(keeps, ResearchConfig(rule=GREEDY, direction=Direction.MAX), None)
    assert fates(greedy) == [Fate.STANDS, Fate.STANDS, Fate.DISCARDED]
    config = ResearchConfig(rule=MIN_DELTA, min_delta=0.5, direction=Direction.MAX)
    assert fates(what_if(keeps, config, None)) == [Fate.STANDS, Fate.DISCARDED, Fate.DISCARDED]


def test_a_keep_is_compared_with_the_runs_after_the_one_it_was_kept_for() -> None:
    keeps = [Kept(1, (0.0, 0.0)), Kept(2, (9.0, 5.0, 5.0)), Kept(3, (6.0,))]
    answer = what_if(keeps, MAX, known_spread(0.1))
    assert [one.gain for one in answer.judged] == pytest.approx([19 / 3, 1.0])


RUNS = st.lists(st.floats(-3, 3), min_size=1, max_size=6)


@given(RUNS, RUNS, st.floats(0.1, 3), st.sampled_from(Direction))
def test_repeated_runs_are_judged_as_the_rule_itself_judges_them(
    before: list[float], runs: list[float], sigma: float, direction: Direction
) -> None:
    config = ResearchConfig(direction=direction)
    base, spread = Kept(1, tuple(before)), known_spread(sigma)
    fate = what_if([base, Kept(2, tuple(runs))], config, spread).judged[0].fate
    later = base.later
    more = max(0, len(runs) - 1 - config.repeats)
    trial = Trial(config, tuple(runs), later, fmean(later), spread, 0, more)
    step = RULES[CONFIRM].judge(trial).step
    assert (step is Step.DISCARD) == (fate is Fate.DISCARDED)
    if len(runs) > 1:
        assert (step is Step.KEEP) == (fate is Fate.STANDS)
    else:
        assert step is not Step.KEEP


KEEPS = st.lists(
    st.lists(st.floats(-10, 10), min_size=1, max_size=4).map(tuple), min_size=1, max_size=8
).map(lambda rows: [Kept(number, values) for number, values in enumerate(rows, start=1)])


def sum_of_gains(keeps: list[Kept], numbers: set[int]) -> float:
    return sum(
        fmean(kept.values) - fmean(before.later)
        for before, kept in pairwise(keeps)
        if kept.number in numbers
    )


@given(KEEPS, st.floats(0.01, 10), st.sets(st.sampled_from(Fate)))
def test_the_interval_follows_from_the_share_of_each_run(
    keeps: list[Kept], sigma: float, chosen: set[Fate]
) -> None:
    answer = what_if(keeps, MAX, known_spread(sigma))
    numbers = {one.number for one in answer.judged if one.fate in chosen}
    assert answer.gain(*chosen) == pytest.approx(sum_of_gains(keeps, numbers), abs=1e-9)
    squares = 0.0
    for place, kept in enumerate(keeps):
        for index in range(len(kept.values)):
            moved = list(kept.values)
            moved[index] += 1.0
            changed = [*keeps[:place], Kept(kept.number, tuple(moved)), *keeps[place + 1 :]]
            share = sum_of_gains(changed, numbers) - sum_of_gains(keeps, numbers)
            squares += share * share
    assert answer.half_width(*chosen) == pytest.approx(
        1.959964 * sigma * math.sqrt(squares), rel=1e-5, abs=1e-6
    )


@given(KEEPS, st.floats(0.01, 10))
def test_the_three_fates_share_all_keeps_and_their_gain(keeps: list[Kept], sigma: float) -> None:
    answer = what_if(keeps, MAX, known_spread(sigma))
    assert sum(map(answer.count, Fate)) == len(keeps) - 1 == len(answer.fates)
    assert sum(map(answer.gain, Fate)) == pytest.approx(answer.gain(*Fate), abs=1e-9)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=9), st.floats(0.01, 10))
def test_of_single_runs_a_larger_sigma_lets_fewer_stand(values: list[float], sigma: float) -> None:
    keeps = single(*values)
    small, large = (what_if(keeps, MAX, known_spread(s)) for s in (sigma, 1.26 * sigma))
    order = [Fate.DISCARDED, Fate.REPEATED, Fate.STANDS]
    for one, other in zip(small.judged, large.judged, strict=True):
        assert one.gain <= 0 or order.index(one.fate) >= order.index(other.fate)
    assert small.gain(*Fate) == pytest.approx(values[-1] - values[0], abs=1e-9)
    mirrored = what_if(single(*(-v for v in values)), ResearchConfig(), known_spread(sigma))
    assert mirrored.fates == small.fates


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.5, 0.6, 0.7, 0.5, 0.6, 0.6], (3, 0.1)),
        ([0.5, 0.6], None),
        ([0.5] * 9, None),
        ([0.5, 0.6, 0.7, 0.8, 0.9], None),
        ([round(0.1 * (n % 4), 1) for n in range(40)], (4, 0.1)),
    ],
)
def test_a_metric_of_few_values(values: list[float], step: tuple[int, float] | None) -> None:
    found = coarse_step(values)
    assert (found is None) == (step is None)
    if found is not None and step is not None:
        assert found[0] == step[0]
        assert found[1] == pytest.approx(step[1])


def test_keeps_without_an_effect_hardly_stand() -> None:
    dice = random.Random(3)
    nulls = summary([night(NULL, dice) for _ in range(100)])
    assert nulls["kept without effect"][0] > 3
    assert nulls["that stand"][0] < 0.5
    large = summary([night(LARGE, dice) for _ in range(60)])
    assert large["effects kept, stands"][0] > 55
    assert large["nights whose interval holds the true gain"][0] > 80
