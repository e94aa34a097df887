"""σ is pooled over commits, robust to a wild value, and comes with what is known of it."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.spread import Spread, pooled_spread

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=4)


@given(values)
def test_one_commit_gives_the_standard_deviation(runs: list[float]) -> None:
    spread = pooled_spread([runs, [3.0], []])
    assert spread is not None
    assert spread.sigma == pytest.approx(statistics.stdev(runs), abs=1e-9)
    assert (spread.degrees, spread.runs, spread.commits) == (len(runs) - 1, len(runs), 1)


def test_commits_count_by_their_degrees_of_freedom() -> None:
    spread = pooled_spread([[1.0, 3.0], [10.0, 10.0, 13.0]])
    assert spread is not None
    assert spread.sigma == pytest.approx(math.sqrt((2 + 6) / 3))
    assert (spread.degrees, spread.runs, spread.commits) == (3, 5, 2)


@pytest.mark.parametrize("groups", [[], [[]], [[1.0], [2.0]], [[1e308, -1e308]]])
def test_nothing_is_known_where_nothing_was_run_twice(groups: list[list[float]]) -> None:
    assert pooled_spread(groups) is None


def test_a_wild_value_is_left_out_and_counted() -> None:
    chance = random.Random(1)
    groups = [[chance.gauss(5, 0.1) for _ in range(3)] for _ in range(5)]
    clean = pooled_spread(groups)
    groups[2][1] += 40
    spread = pooled_spread(groups)
    assert clean is not None and spread is not None
    assert spread.left_out == 1
    assert spread.sigma < 1.5 * clean.sigma
    assert spread.degrees == clean.degrees - 1


def test_a_wild_value_among_two_or_three_runs_cannot_be_told() -> None:
    spread = pooled_spread([[1.0, 1.1, 9.0]])
    assert spread is not None
    assert spread.left_out == 0
    assert not spread.is_known


@given(st.integers(0, 10**6))
def test_of_normal_noise_hardly_a_value_is_left_out(seed: int) -> None:
    chance = random.Random(seed)
    spread = pooled_spread([[chance.gauss(0, 1) for _ in range(4)] for _ in range(6)])
    assert spread is not None
    assert spread.left_out <= 1
    assert 0.4 < spread.sigma < 1.8


def test_the_upper_bound_holds_for_nineteen_of_twenty_estimates() -> None:
    chance, held, inside = random.Random(2), 0, 0
    for _ in range(2000):
        spread = pooled_spread([[chance.gauss(0, 1) for _ in range(6)]])
        assert spread is not None
        held += spread.upper >= 1
        inside += spread.interval[0] <= 1 <= spread.interval[1]
    assert 0.93 < held / 2000 < 0.97
    assert 0.93 < inside / 2000 < 0.97


def test_two_runs_say_next_to_nothing() -> None:
    spread = Spread(sigma=1.0, degrees=1, runs=2, commits=1)
    assert not spread.is_known
    assert spread.upper == pytest.approx(15.9, abs=0.1)
    assert spread.half_width(1, 1) == pytest.approx(12.706 * math.sqrt(2), abs=0.01)
