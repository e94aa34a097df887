"""Numbers, counts and times as a report writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from engine.core.enums import Direction
from engine.core.text import plural

MINUS = "−"
_MOST_PLACES = 6


def places_of(values: Iterable[float]) -> int:
    """How many digits after the point tell such values apart, and none that say nothing."""
    known = [abs(v) for v in values if math.isfinite(v)]
    if not known:
        return _MOST_PLACES
    size = sorted(known)[len(known) // 2]
    most = max(0, _MOST_PLACES - max(0, len(str(int(min(size, 1e15)))) - 1))
    for places in range(most):
        if all(abs(round(v, places) - v) < 10.0 ** -(most + 1) for v in known):
            return places
    return most


def number(value: float | None, places: int) -> str:
    """A value with so many digits after the point, or a power of ten where that says nothing."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    size = abs(value)
    huge = size >= 1e9 or 0 < size < 0.5 * 10.0**-places
    digits = len(str(int(min(size, 1e9))))
    places = places if digits < 3 else max(0, min(places, 6 - digits))
    text = f"{value:.3g}" if huge else f"{value:,.{places}f}".replace(",", "\u202f")
    return text.replace("-", MINUS)


def change(direction: Direction, gain: float | None, places: int) -> str:
    """A gain as the metric moved: of a metric to be lowered an improvement is negative."""
    if gain is None:
        return "–"
    moved = -gain if direction is Direction.MIN else gain
    text = number(moved + 0.0, places)
    return text if moved <= 0 else f"+{text}"


def percent(value: float) -> str:
    """Hundredths, with a sign and about two digits; how many times as much from ten times on."""
    size = abs(value)
    if value >= 1000:
        return f"{1 + value / 100:,.0f} times".replace(",", "\u202f")
    digits = 0 if size >= 100 else 1 if size >= 1 else 2
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{size:,.{digits}f}\u202f%".replace(",", "\u202f")


def sigmas(value: float) -> str:
    """A multiple of the noise."""
    return f"{value:.0f}σ" if abs(value) >= 10 else f"{value:.1f}σ"


def money(dollars: float) -> str:
    """Dollars, small sums with more digits."""
    return f"${dollars:,.2f}" if dollars >= 0.995 or dollars == 0 else f"${dollars:.2g}"


def moment(at: datetime) -> str:
    """A time, in UTC so that two people read the same."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def many(count: int, one: str, more: str = "") -> str:
    """`1 row`, `2 rows`."""
    return plural(count, one, more).replace(",", "\u202f")


def listed(words: Iterable[str], most: int = 0) -> str:
    """`a, b and c`; of very many the first, and how many more."""
    found = list(words)
    if most and len(found) > most:
        return f"{', '.join(found[:most])} and {len(found) - most} more"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
