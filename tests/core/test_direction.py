"""Gains and changes of the metric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.enums import Direction

eighths = st.integers(-800, 800).map(lambda n: n / 8)


@given(st.sampled_from(Direction), eighths, eighths)
def test_the_change_of_a_gain_leads_from_the_old_value_to_the_new(
    direction: Direction, old: float, new: float
) -> None:
    assert old + direction.change(direction.gain(new, old)) == new


@pytest.mark.parametrize("direction", list(Direction))
def test_no_gain_is_no_negative_zero(direction: Direction) -> None:
    assert f"{direction.change(0.0):+.1f}" == f"{direction.change(-0.0):+.1f}" == "+0.0"


def test_the_better_values_are_named() -> None:
    assert [Direction.MIN.better, Direction.MAX.better] == ["lower", "higher"]
