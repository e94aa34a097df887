"""Chooses the range of values in a picture so that one outlier does not flatten the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_ANY_FENCE = 1.5
"""Distance from the quartiles, in interquartile ranges, beyond which a value is off the axis."""
_STEP_FENCE = 20.0
"""Distance from the quartiles, in interquartile ranges, beyond which a new best is off the axis."""
_LOG_RATIO = 30.0
"""Ratio of the largest to the smallest new best from which the axis is logarithmic."""
_SMALLEST = 1e-9


class ChartAxis(NamedTuple):
    """The range of metric values that a picture shows, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    places: int
    """Number of digits after the decimal point that distinguish the ticks."""
    log: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value on the axis from 0 (low) to 1 (high), clipped to it."""
        value = min(self.high, max(self.low, value))
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def beyond(self, value: float) -> int:
        """Return -1 for a value below the range, 1 for one above it, else 0."""
        return (value > self.high) - (value < self.low)

    def inside(self, value: float) -> float:
        """Return a value clipped to the range of the axis."""
        return min(self.high, max(self.low, value))


def robust_axis(
    steps: Sequence[float], others: Sequence[float], *, below: float = 0.06, above: float = 0.06
) -> ChartAxis:
    """Return an axis that shows the values from the baseline to the best, and those near them.

    Args:
        steps: The baseline and each new best, the last one the best of all.
        others: All other values.
        below: Empty space below the lowest value, as a share of the values' range.
        above: Empty space above the highest value, as a share of the values' range.
    """
    steps = [v for v in steps if math.isfinite(v)]
    others = [v for v in others if math.isfinite(v)]
    log = bool(steps) and min(steps) > _SMALLEST and max(steps) / min(steps) >= _LOG_RATIO
    if log:
        others = [v for v in others if v > _SMALLEST]
        steps, others = [math.log10(v) for v in steps], [math.log10(v) for v in others]
    low, high = _core(steps, others)
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        middle = (low + high) / 2
        margin = abs(middle) * 0.01 or 1.0
        low, high = middle - margin, middle + margin
    span = high - low
    low, high = low - below * span, high + above * span
    # Floats end at 10³⁰⁸.
    return _by_magnitude(max(low, -307.0), min(high, 308.0)) if log else _with_ticks(low, high)


def _core(steps: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    values = sorted((*steps, *others))
    if not values:
        return 0.0, 1.0
    if len(values) < 4:
        return values[0], values[-1]
    first, third = _quantile(values, 0.25), _quantile(values, 0.75)
    # The quartiles are equal where half of all values are.
    spread = third - first or _typical_distance(values) or abs(values[len(values) // 2]) * 0.001
    spread = spread or 1.0
    ends = [v for v in steps if _within(v, first, third, _STEP_FENCE * spread)]
    visible = [v for v in others if _within(v, first, third, _ANY_FENCE * spread)]
    # The best is always visible.
    visible += [*ends, *steps[-1:]]
    return min(visible, default=first), max(visible, default=third)


def _within(value: float, first: float, third: float, distance: float) -> bool:
    return first - distance <= value <= third + distance


def _typical_distance(values: Sequence[float]) -> float:
    middle = values[len(values) // 2]
    distances = sorted(abs(v - middle) for v in values if v != middle)
    return distances[len(distances) // 4] if distances else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _with_ticks(low: float, high: float, about: int = 6) -> ChartAxis:
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 5) if m * power >= raw * 0.999), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(round(i * step, min(places, 15)) for i in range(first, min(last, first + 20) + 1))
    return ChartAxis(low, high, ticks, places)


def _by_magnitude(low: float, high: float) -> ChartAxis:
    whole = range(math.floor(low), math.ceil(high) + 1)
    every = max(1, len(whole) // 8)
    parts = (1, 2, 5) if high - low < 3 else (1,)
    ticks = [part * 10.0**power for power in whole[::every] for part in parts]
    shown = tuple(t for t in ticks if 10.0**low <= t <= 10.0**high)
    return ChartAxis(10.0**low, 10.0**high, shown, max(0, -math.floor(low)), log=True)


def number_ticks(first: int, last: int, about: int = 8) -> tuple[int, ...]:
    """Return the experiment numbers to mark on an axis: all of a few, else mostly round ones.

    Args:
        first: Number of the first experiment.
        last: Number of the last experiment.
        about: Approximate number of ticks.
    """
    count = last - first + 1
    if count <= about:
        return tuple(range(first, last + 1))
    step = next(
        m * 10**power for power in range(12) for m in (1, 2, 5) if m * 10**power >= count / about
    )
    ticks = range(first + step - first % step, last + 1, step)
    return tuple(ticks) if step <= 2 else (first, *(t for t in ticks if t - first >= step / 2))
