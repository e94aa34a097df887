"""Quantiles of Student's t and chi-squared against printed tables, and against each other."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.student import chi2_quantile, t_quantile, t_tail


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.95, 5, 2.015),
        (0.999, 3, 10.215),
        (0.975, 30, 2.042),
        (0.9, 120, 1.289),
        (0.025, 10, -2.228),
        (0.5, 7, 0.0),
    ],
)
def test_t_as_printed_tables_have_it(probability: float, degrees: float, expected: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        (0.05, 1, 0.00393),
        (0.95, 1, 3.841),
        (0.05, 4, 0.711),
        (0.025, 30, 16.791),
        (0.975, 100, 129.561),
        (0.5, 2, 1.386),
    ],
)
def test_chi_squared_as_printed_tables_have_it(
    probability: float, degrees: float, expected: float
) -> None:
    assert chi2_quantile(probability, degrees) == pytest.approx(expected, abs=6e-4)


@given(st.floats(0.001, 0.999), st.floats(0.5, 500))
def test_a_quantile_has_its_probability(probability: float, degrees: float) -> None:
    tail = t_tail(t_quantile(probability, degrees), degrees)
    assert 1 - tail == pytest.approx(probability, abs=1e-9)


@given(st.floats(0.01, 0.99), st.floats(0.5, 500))
def test_more_degrees_bring_t_nearer_to_the_normal_distribution(
    probability: float, degrees: float
) -> None:
    normal = NormalDist().inv_cdf(probability)
    near, far = t_quantile(probability, 2 * degrees), t_quantile(probability, degrees)
    assert abs(near - normal) <= abs(far - normal) + 1e-9
    assert t_quantile(probability, 1e9) == pytest.approx(normal)


@given(st.floats(0.01, 0.99))
def test_chi_squared_of_two_degrees_is_exponential(probability: float) -> None:
    assert chi2_quantile(probability, 2) == pytest.approx(-2 * math.log1p(-probability))
