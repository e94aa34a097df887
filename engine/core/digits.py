"""Computes how many decimals are needed to tell values apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

_MOST_DIGITS = 15
"""Number of digits that a float holds."""


def places_apart(values: Iterable[float | None], most: int = 10) -> int:
    """Return the number of decimals with which all different values look different.

    Args:
        values: The values; None, NaN and infinity are left out.
        most: The largest number to return.
    """
    known = sorted({v for v in values if v is not None and math.isfinite(v)})
    if len(known) < 2:
        return 0
    gap = min(above - below for below, above in pairwise(known))
    size = max(abs(known[0]), abs(known[-1]), 1.0)
    if gap <= 0 or gap >= 1:
        return 0
    whole = math.floor(math.log10(size)) + 1
    return max(0, min(math.ceil(-math.log10(gap) - 1e-9), most, _MOST_DIGITS - whole))
