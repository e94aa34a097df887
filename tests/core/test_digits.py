"""How many decimals tell values apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.digits import places_apart


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([], 0),
        ([1.5], 0),
        ([1.5, 1.5], 0),
        ([3943210.0, 3943185.0], 0),
        ([0.5, 0.25], 1),
        ([0.99, 0.98], 2),
        ([25169.987, 25169.991], 3),
        ([0.99679285287857, 0.99679285112345], 9),
        ([None, math.nan, math.inf, 0.5, 0.4], 1),
        ([0.1 + 0.2, 0.3], 10),
        ([1e14 + 0.25, 1e14], 0),
    ],
)
def test_places(values: list[float | None], places: int) -> None:
    assert places_apart(values) == places


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, unique=True), st.integers(0, 6))
def test_different_values_look_different(whole: list[int], power: int) -> None:
    values = [n / 10**power for n in whole]
    texts = {f"{value:.{places_apart(values)}f}" for value in values}
    assert len(texts - {"-0"}) + ("-0" in texts and "0" not in texts) >= len(values) - 1
    assert len(texts) == len(values)
