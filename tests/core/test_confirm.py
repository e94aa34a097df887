"""The rule `confirm`: what is kept, discarded or run again, and how often noise fools it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulate_keep_rules import LARGE, NULL, WILD, Scenario, Simulation, summary
from engine.core.config import CONFIRM, GREEDY, ResearchConfig
from engine.core.enums import Direction
from engine.core.keep_rule import RULES
from engine.core.keep_rule.confirm import FRESH_EVERY, bounds
from engine.core.keep_rule.trial import Judgement, Standing, Step, Trial
from engine.core.spread import Spread

CONFIG = ResearchConfig()
KNOWN = Spread(sigma=1.0, degrees=1e9, runs=99, commits=9)
RULE = RULES[CONFIRM]


def judge(
    *candidate: float,
    incumbent: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
    spread: Spread | None = KNOWN,
    lines_saved: int = 0,
    config: ResearchConfig = CONFIG,
) -> Judgement:
    """Judge a candidate by its gains, with an incumbent whose runs gave 0."""
    sign = -1.0 if config.direction is Direction.MIN else 1.0
    values = tuple(sign * gain for gain in candidate)
    return RULE.judge(Trial(config, values, incumbent, 0.0, spread, lines_saved))


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    ("gains", "step"),
    [
        ((-3.0,), Step.DISCARD),
        ((0.0,), Step.DISCARD),
        ((0.5,), Step.DISCARD),
        ((1.5,), Step.RUN_CANDIDATE),
        ((50.0,), Step.RUN_CANDIDATE),
        ((50.0, 50.0), Step.KEEP),
        ((3.0, 0.0), Step.RUN_CANDIDATE),
        ((3.0, -3.0), Step.DISCARD),
        ((2.5, 2.5), Step.KEEP),
        ((1.5, 1.0, 1.0), Step.RUN_CANDIDATE),
        ((2.0, 1.5, 1.5, 1.5), Step.KEEP),
        ((2.0, 1.5, 1.5, -1.0), Step.DISCARD),
    ],
)
def test_steps(gains: tuple[float, ...], step: Step, direction: Direction) -> None:
    judged = judge(*gains, config=ResearchConfig(direction=direction))
    assert judged.step is step
    assert judged.gain == pytest.approx(sum(gains) / len(gains))


def test_a_discard_at_the_end_of_the_repeats_is_indecisive_where_it_might_be_a_gain() -> None:
    undecided = judge(1.5, 1.0, 1.0, 0.3)
    assert (undecided.step, undecided.indecisive) == (Step.DISCARD, True)
    assert undecided.reason.startswith("indecisive: +0.95 ± 1.4 over 4 runs")
    clear = judge(-2.0)
    assert (clear.step, clear.indecisive) == (Step.DISCARD, False)


def test_the_incumbent_is_run_while_it_has_fewer_runs_than_the_candidate() -> None:
    assert judge(4.0, incumbent=(0.0,)).step is Step.RUN_CANDIDATE
    assert judge(3.0, 0.0, incumbent=(0.0,)).step is Step.RUN_INCUMBENT
    assert judge(3.0, 0.0, incumbent=(0.0, 0.0)).step is Step.RUN_CANDIDATE


def test_a_sigma_of_few_runs_needs_larger_gains() -> None:
    guess = Spread(sigma=1.0, degrees=1, runs=2, commits=1)
    assert judge(2.5, 2.5).step is Step.KEEP
    assert judge(2.5, 2.5, spread=guess).step is Step.RUN_CANDIDATE
    assert judge(*[2.5] * 4, spread=guess).indecisive


def test_while_no_noise_is_known_only_what_looks_better_is_run_again() -> None:
    assert judge(-1.0, spread=None).step is Step.DISCARD
    assert judge(9.0, spread=None, incumbent=()).step is Step.RUN_INCUMBENT
    assert judge(9.0, spread=None, incumbent=(0.0,)).step is Step.RUN_CANDIDATE
    assert judge(*[9.0] * 4, spread=None, incumbent=(0.0,) * 4).indecisive


def test_an_equal_value_with_fewer_lines_needs_a_test_too() -> None:
    assert judge(0.2, lines_saved=3).step is Step.RUN_CANDIDATE
    kept = judge(0.2, 0.1, 0.1, 0.1, lines_saved=3)
    assert kept.step is Step.KEEP
    assert kept.reason.startswith("as good within noise")
    assert judge(-3.0, lines_saved=3).step is Step.DISCARD
    assert judge(-0.5, -0.5, -0.5, -0.5, lines_saved=3).step is Step.DISCARD
    assert judge(9.0, 9.0, lines_saved=3).reason.startswith("better by")


def test_a_script_without_noise_needs_one_run() -> None:
    exact = Spread(sigma=0.0, degrees=2, runs=3, commits=1)
    kept = judge(0.012345, spread=exact)
    assert kept.step is Step.KEEP
    assert "equal values" in kept.reason
    assert judge(0.0, spread=exact).step is Step.DISCARD
    assert judge(0.0, spread=exact, lines_saved=1).step is Step.KEEP
    # 0.5 proves nothing: an accuracy over 500 items is equal by chance now and then.
    assert judge(0.5, spread=exact).step is Step.RUN_CANDIDATE
    assert judge(0.5, 0.5, spread=exact).step is Step.KEEP


@given(st.floats(0.001, 0.2), st.integers(2, 8), st.sampled_from([1, 2, 5, 30, math.inf]))
def test_bounds_close_in_on_each_other(rate: float, most: int, degrees: float) -> None:
    pairs = [bounds(rate, run, most, degrees) for run in range(1, most + 1)]
    lows, highs = [low for low, _ in pairs], [high for _, high in pairs]
    assert lows == sorted(lows)
    assert highs == sorted(highs, reverse=True)
    assert highs[0] == math.inf
    assert all(low <= high + 1e-9 for low, high in pairs)
    stricter = bounds(rate / 2, most, most, degrees)
    assert stricter[1] > highs[-1]


@pytest.mark.parametrize(
    ("is_baseline", "fresh", "since", "expected"),
    [
        (True, 2, 0, True),
        (True, 3, 0, False),
        (False, 3, 0, True),
        (False, 4, 0, False),
        (False, 4, FRESH_EVERY - 1, False),
        (False, 9, FRESH_EVERY, True),
    ],
)
def test_when_the_incumbent_is_run_between_experiments(
    is_baseline: bool, fresh: int, since: int, expected: bool
) -> None:
    standing = Standing(CONFIG, is_baseline, fresh, since, KNOWN)
    assert RULE.needs_incumbent(standing) is expected
    assert not RULES[GREEDY].needs_incumbent(standing)


def rates(rule: str, scenario: Scenario, nights: int) -> dict[str, float]:
    simulation = Simulation(ResearchConfig(rule=rule), scenario)
    return summary([simulation.night() for _ in range(nights)])


def test_nights_in_which_no_edit_has_an_effect() -> None:
    confirm, greedy = rates(CONFIRM, NULL, 20), rates(GREEDY, NULL, 20)
    assert confirm["false keeps per night"] < 2.6 < greedy["false keeps per night"]
    assert abs(confirm["claimed gain"]) < 0.6 < greedy["claimed gain"]
    assert confirm["extra runs per edit"] < 0.5
    assert rates(CONFIRM, WILD, 20)["false keeps of edits without effect"] < 5


def test_large_effects_are_kept() -> None:
    confirm = rates(CONFIRM, LARGE, 6)
    assert confirm["effects kept"] > 97
    assert confirm["false keeps of edits without effect"] < 4
