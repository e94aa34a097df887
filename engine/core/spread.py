"""Estimates σ, the standard deviation of the metric between runs of the same code, and how well
it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.core.student import chi2_quantile, t_quantile

FEWEST_DEGREES = 4
"""Degrees of freedom below which σ counts as not known yet: its upper bound would be 2.4 times it
at 4, and 4.4 times at 2.
"""
CONFIDENCE = 0.95
"""The probability with which an interval, or a one-sided bound, holds the true value."""
_WILD_PROBABILITY = 0.001
"""How rarely one of all values is as far off as a value that is left out, if noise is normal."""
_WILD_SHARE = 0.05
_FEWEST_FOR_WILD = 4
"""Degrees of freedom that have to remain for a value to be judged by the others."""


@dataclass(frozen=True)
class Spread:
    """An estimate of σ with its degrees of freedom."""

    sigma: float
    """Standard deviation of a single run, in metric units, pooled over the commits."""
    degrees: float
    """Degrees of freedom: the runs that count, minus the commits."""
    runs: int = 0
    """Number of runs of commits that were run more than once."""
    commits: int = 0
    """Number of commits that were run more than once."""
    left_out: int = 0
    """Number of wild values that are not part of σ."""

    @property
    def is_known(self) -> bool:
        """Return whether there are enough degrees of freedom to state σ."""
        return self.degrees >= FEWEST_DEGREES

    @property
    def upper(self) -> float:
        """The value that σ is below with 95 % probability; infinite without degrees of freedom."""
        if self.degrees <= 0:
            return math.inf
        return self.sigma * math.sqrt(self.degrees / chi2_quantile(1 - CONFIDENCE, self.degrees))

    @property
    def interval(self) -> tuple[float, float]:
        """The two values between which σ is with 95 % probability."""
        if self.degrees <= 0:
            return 0.0, math.inf
        tail = (1 - CONFIDENCE) / 2
        low, high = (
            math.sqrt(self.degrees / chi2_quantile(p, self.degrees)) for p in (1 - tail, tail)
        )
        return self.sigma * low, self.sigma * high

    def standard_error(self, first: int, second: int) -> float:
        """Return the standard error of a difference of two means.

        Args:
            first: The number of runs of one mean.
            second: The number of runs of the other.
        """
        return self.sigma * math.sqrt(1 / first + 1 / second)

    def half_width(self, first: int, second: int) -> float:
        """Return the half width of the 95 % interval of a difference of two means.

        Args:
            first: The number of runs of one mean.
            second: The number of runs of the other.
        """
        if self.degrees <= 0:
            return math.inf
        quantile = t_quantile((1 + CONFIDENCE) / 2, self.degrees)
        return quantile * self.standard_error(first, second)


def pooled_spread(groups: Iterable[Sequence[float]]) -> Spread | None:
    """Estimate σ from repeated runs, pooled over commits; None if nothing was run twice.

    A value that is further off than one in a thousand sets of normal values has is left out, up to
    one in twenty of them.

    Args:
        groups: The values of each commit's runs.
    """
    repeated = [list(values) for values in groups if len(values) > 1]
    runs, commits = sum(map(len, repeated)), len(repeated)
    most_out = max(1, int(_WILD_SHARE * runs))
    left_out = 0
    squares = sum(map(_squares, repeated))
    degrees = runs - commits
    while left_out < most_out and degrees - 1 >= _FEWEST_FOR_WILD:
        without, group, index = min(
            (squares - one, number, index)
            for number, values in enumerate(repeated)
            for index, one in enumerate(_squares_of_each(values))
        )
        without = max(0.0, without)
        rest = without / (degrees - 1)
        limit = t_quantile(1 - _WILD_PROBABILITY / (2 * runs), degrees - 1)
        if squares - without <= limit * limit * rest:
            break
        del repeated[group][index]
        squares, degrees, left_out = without, degrees - 1, left_out + 1
    if not degrees:
        return None
    sigma = math.sqrt(squares / degrees)
    return Spread(sigma, degrees, runs, commits, left_out) if math.isfinite(sigma) else None


def _squares(values: Sequence[float]) -> float:
    mean = fmean(values)
    # Not `** 2`, which raises where the product is too large for a float.
    return sum((v - mean) * (v - mean) for v in values)


def _squares_of_each(values: Sequence[float]) -> list[float]:
    """Return by how much the squares of a group shrink without each of its values."""
    n = len(values)
    if n < 2:
        return []
    mean = fmean(values)
    return [(v - mean) * (v - mean) * n / (n - 1) for v in values]
