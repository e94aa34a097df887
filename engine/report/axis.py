"""The range of values a picture shows: one 3.2 among values of 0.97 must not flatten the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_ANY_FENCE = 1.5
"""Values further than so many interquartile ranges outside the quartiles are shown at the edge."""
_STEP_FENCE = 20.0
"""A new best has more right to be seen: a baseline is often far from everything after it."""
_LOG_RATIO = 30.0
"""A best so many times the baseline, or as small a part of it, is shown by orders of magnitude."""
_SMALLEST = 1e-9


class ChartAxis(NamedTuple):
    """A range, and where its lines are."""

    low: float
    high: float
    ticks: tuple[float, ...]
    places: int
    """Digits after the point that tell the ticks apart."""
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, from 0 (low) to 1 (high); beyond that, at the edge."""
        value = min(self.high, max(self.low, value))
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def beyond(self, value: float) -> int:
        """-1 below the range, 1 above it, else 0."""
        return (value > self.high) - (value < self.low)

    def inside(self, value: float) -> float:
        """The value, or the edge it lies beyond."""
        return min(self.high, max(self.low, value))


def robust_axis(
    steps: Sequence[float], others: Sequence[float], *, below: float = 0.06, above: float = 0.06
) -> ChartAxis:
    """An axis that shows the way from the baseline to the best, and what is near to it.

    Args:
        steps: The baseline and each new best, the last one the best of all.
        others: All other values.
        below: Empty room under them, as a share of the range.
        above: Likewise over them.
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
        room = abs(middle) * 0.01 or 1.0
        low, high = middle - room, middle + room
    span = high - low
    low, high = low - below * span, high + above * span
    # No float is beyond 10³⁰⁸, however much room is wanted.
    return _by_magnitude(max(low, -307.0), min(high, 308.0)) if log else _with_ticks(low, high)


def _core(steps: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    values = sorted((*steps, *others))
    if not values:
        return 0.0, 1.0
    if len(values) < 4:
        return values[0], values[-1]
    first, third = _quantile(values, 0.25), _quantile(values, 0.75)
    # Half of all may be one and the same value.
    spread = third - first or _typical_distance(values) or abs(values[len(values) // 2]) * 0.001
    spread = spread or 1.0
    ends = [v for v in steps if _within(v, first, third, _STEP_FENCE * spread)]
    seen = [v for v in others if _within(v, first, third, _ANY_FENCE * spread)]
    # The best is what the picture is about, however far it is from all else.
    seen += [*ends, *steps[-1:]]
    return min(seen, default=first), max(seen, default=third)


def _within(value: float, first: float, third: float, room: float) -> bool:
    return first - room <= value <= third + room


def _typical_distance(values: Sequence[float]) -> float:
    middle = values[len(values) // 2]
    distances = sorted(abs(v - middle) for v in values if v != middle)
    return distances[len(distances) // 4] if distances else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


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
    """Round numbers of experiments, and the first."""
    count = last - first + 1
    if count <= about:
        return tuple(range(first, last + 1))
    step = next(
        m * 10**power for power in range(12) for m in (1, 2, 5) if m * 10**power >= count / about
    )
    ticks = range(first + step - first % step, last + 1, step)
    return tuple(ticks) if step <= 2 else (first, *(t for t in ticks if t - first >= step / 2))
