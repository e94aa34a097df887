"""Formats numbers, changes, percentages, counts, prices and times for reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from engine.core.digits import places_apart
from engine.core.enums import Direction
from engine.core.text import plural

MINUS = "−"
_MOST_PLACES = 6


class Places(NamedTuple):
    """How many digits after the decimal point a report shows of its metric's values."""

    usual: int
    """The number for values below 100; larger ones get fewer."""
    apart: int = 0
    """The least number, with which all different values look different."""


def places_for(values: Sequence[float]) -> Places:
    """Return how many digits after the decimal point show the values, and tell them apart."""
    usual, apart = places_of(values), places_apart(values)
    return Places(max(usual, apart), apart)


def places_of(values: Iterable[float]) -> int:
    """Return how many digits after the decimal point, at most 6, show the values in full."""
    known = [abs(v) for v in values if math.isfinite(v)]
    if not known:
        return _MOST_PLACES
    size = sorted(known)[len(known) // 2]
    most = max(0, _MOST_PLACES - max(0, len(str(int(min(size, 1e15)))) - 1))
    for places in range(most):
        if all(abs(round(v, places) - v) < 10.0 ** -(most + 1) for v in known):
            return places
    return most


def number(value: float | None, places: int | Places) -> str:
    """Format a value with `places` decimals, or as a power of ten if very large or small.

    None becomes `–`, and groups of thousands are separated by narrow spaces.
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    usual, apart = places if isinstance(places, Places) else (places, 0)
    size = abs(value)
    if size >= 1e15 or 0 < size < 0.5 * 10.0**-usual:
        return f"{value:.3g}".replace("-", MINUS)
    digits = len(str(int(size)))
    if digits >= 3:
        usual = max(0, apart, min(usual, 6 - digits))
    return f"{value:,.{usual}f}".replace(",", "\u202f").replace("-", MINUS)


def change(direction: Direction, gain: float | None, places: int | Places) -> str:
    """Format a gain as a signed change of the metric: negative if a minimised metric improved.

    Args:
        direction: Which way the metric improves.
        gain: The gain, positive is better; None becomes `–`.
        places: Digits after the decimal point.
    """
    if gain is None:
        return "–"
    moved = direction.change(gain)
    text = number(moved + 0.0, places)
    return text if moved <= 0 else f"+{text}"


def percent(value: float) -> str:
    """Format a percentage with its sign and about two digits; from 1,000 on as `11 times`."""
    size = abs(value)
    if value >= 1000:
        return f"{1 + value / 100:,.0f} times".replace(",", "\u202f")
    digits = 0 if size >= 100 else 1 if size >= 1 else 2
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    text = f"{size:,.{digits}f}" if size >= 0.01 or not size else f"{size:.2g}"
    return f"{sign}{text}\u202f%".replace(",", "\u202f")


def sigmas(value: float) -> str:
    """Format a gain in units of σ, the noise of one run, such as `2.3σ`."""
    return f"{value:.0f}σ" if abs(value) >= 10 else f"{value:.1f}σ"


def money(dollars: float) -> str:
    """Format an amount of dollars, small amounts with more digits."""
    return f"${dollars:,.2f}" if dollars >= 0.995 or dollars == 0 else f"${dollars:.2g}"


def moment(at: datetime) -> str:
    """Format a time in UTC, such as `2026-03-01 09:30 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def many(count: int, one: str, more: str = "") -> str:
    """Format a count with its noun: `1 row`, `2 rows`.

    Args:
        count: The number of things.
        one: The noun for one of them.
        more: The plural; empty: `one` with an s.
    """
    return plural(count, one, more).replace(",", "\u202f")


def listed(texts: Iterable[str], most: int = 0) -> str:
    """Join one or more texts as `a, b and c`; beyond `most`, as `a, b and 3 more` (0: no limit)."""
    found = list(texts)
    if most and len(found) > most:
        return f"{', '.join(found[:most])} and {len(found) - most} more"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
