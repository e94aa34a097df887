"""Computes tails and quantiles of Student's t and chi-squared distributions.

Continued fraction and series as in Press et al., Numerical Recipes, 3rd edition, sections 6.2, 6.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

_MOST_TERMS = 500
_TINY = 1e-300
_NEARLY_NORMAL = 1e6
"""Degrees of freedom from which Student's t distribution is taken as the normal one."""


@lru_cache(4096)
def t_quantile(probability: float, degrees: float) -> float:
    """Return the value below which Student's t falls with a probability.

    Args:
        probability: The probability, above 0 and below 1.
        degrees: The degrees of freedom, above 0; a fraction is allowed.
    """
    if degrees > _NEARLY_NORMAL:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    return _solve(lambda t: 1 - t_tail(t, degrees), probability)


def t_tail(t: float, degrees: float) -> float:
    """Return the probability that Student's t is above a value."""
    if degrees > _NEARLY_NORMAL:
        return 1 - NormalDist().cdf(t)
    tail = 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)
    return tail if t >= 0 else 1 - tail


@lru_cache(4096)
def chi2_quantile(probability: float, degrees: float) -> float:
    """Return the value below which chi-squared falls with a probability.

    Args:
        probability: The probability, above 0 and below 1.
        degrees: The degrees of freedom, above 0; a fraction is allowed.
    """
    return _solve(lambda x: _incomplete_gamma(x / 2, degrees / 2), probability)


def _solve(rising: Callable[[float], float], target: float) -> float:
    """Return where a rising function of a number from 0 up reaches a value, by bisection."""
    low, high = 0.0, 1.0
    while rising(high) < target:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _incomplete_gamma(x: float, a: float) -> float:
    """Return the regularized lower incomplete gamma function P(a, x)."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _MOST_TERMS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-15:
                break
        return min(1.0, total * front)
    c, d = 1 / _TINY, 1 / _not_zero(x + 1 - a)
    value = d
    for n in range(1, _MOST_TERMS):
        term = -n * (n - a)
        start = x + 1 - a + 2 * n
        d = 1 / _not_zero(start + term * d)
        c = _not_zero(start + term / c)
        value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return 1 - front * value
