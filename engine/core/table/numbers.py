"""Parses the cells of a table as numbers, memory sizes, times and commit hashes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

PLACEHOLDERS = frozenset(
    (
        *(
            "",
            "-",
            "--",
            "---",
            "–",
            "—",
            "−",
            "_",
            "?",
            "n/a",
            "na",
            "n.a.",
            "none",
            "null",
            "nil",
        ),
        *("nan", "inf", "-inf", "+inf", "infinity", "-infinity", "tbd", "todo", "pending", "…"),
        *("...", "x", "/", ".", "oom", "crash", "fail", "failed", "error", "timeout", "无", "空"),
        "#n/a",
    )
)
"""Cells that stand for a missing number, in lower case."""
_LONGEST = 80
_MARKUP = "*`_~\"' \t"
_NUMBER = re.compile(
    r"[~≈<>=≤≥$€]*\s*"
    r"(?P<number>[+-]?(?:[0-9][0-9.,'\u2009\u202f]*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,4})?)"
    r"\s*(?:%|[A-Za-zµ]{1,8}(?:/[A-Za-z]{1,8})?)?\s*[*†!✓★]*\s*"
    r"(?:(?:±|\+/-|\+-).*|[(\[].*)?"
)
_ARROW = re.compile(r"->|→|=>")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_GROUPS = str.maketrans("", "", "'\u2009\u202f")
_HASH = re.compile(
    r"(?=[0-9a-f]*[0-9])([0-9a-f]{6,40}|[0-9a-f]{64})(?:[-+]?dirty)?(?: ?\([^()]*\))?", re.I
)
_TIME_LONGEST = 40
_UNITS = (
    (re.compile(r"(?:^|_)(?:mb|mib)(?:_|$)|\bmi?b\b", re.I), 1 / 1024),
    (re.compile(r"(?:^|_)(?:kb|kib)(?:_|$)|\bki?b\b", re.I), 1 / 1024**2),
    (re.compile(r"(?:^|_)bytes(?:_|$)|\bbytes\b", re.I), 1 / 1024**3),
)
"""Matches units in names of columns, each with its size in GiB."""
_UNIT = re.compile(r"[0-9.]\s*(?:(?P<prefix>[kmgt])(?:i?b)?|b|bytes?)\b", re.I)
"""Matches the unit after a number in a cell: `512MB`, `80 GiB`, `1.5T`, `1024 bytes`."""
_SIZES = {"k": 1 / 1024**2, "m": 1 / 1024, "g": 1.0, "t": 1024.0, None: 1 / 1024**3}


def is_placeholder(cell: str) -> bool:
    """Return whether a cell stands for a missing value."""
    return cell.strip(" \t").lower() in PLACEHOLDERS


def to_number(cell: str, *, decimal_comma: bool = False) -> float | None:
    """Parse the number in a cell such as `0,98`, `0.98 (±0.01)`, `44.0GB`, `1,234.5` or `55.6%`.

    Args:
        cell: The cell.
        decimal_comma: Whether `1,234` is 1.234 rather than 1234.

    Returns:
        The number, always finite; None if the cell is not a number.
    """
    try:
        plain = float(cell)
    except ValueError:
        return _written_number(cell, decimal_comma)
    # Python also accepts 1_000, which is more likely a name.
    return plain if math.isfinite(plain) and "_" not in cell else None


def _written_number(cell: str, decimal_comma: bool) -> float | None:
    if len(cell) > _LONGEST:
        return None
    text = cell.strip(_MARKUP).replace("\u2212", "-")
    if not text or text.lower() in PLACEHOLDERS:
        return None
    if _ARROW.search(text):
        text = _ARROW.split(text)[-1].strip(_MARKUP)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match["number"].translate(_GROUPS)
    if "," in digits:
        digits = _without_commas(digits, decimal_comma)
    try:
        value = float(digits)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _without_commas(digits: str, decimal_comma: bool) -> str:
    if "." in digits:
        if digits.rfind(",") > digits.rfind("."):  # 25.169,98
            return digits.replace(".", "").replace(",", ".")
        return digits.replace(",", "")  # 25,169.98
    if _THOUSANDS.fullmatch(digits) and not decimal_comma:
        return digits.replace(",", "")
    return digits.replace(",", ".") if digits.count(",") == 1 else digits.replace(",", "")


def uses_decimal_comma(cells: Iterable[str]) -> bool:
    """Return whether a column's cells have a comma that cannot separate thousands: `0,98`."""
    commas = [c for c in (cell.strip(_MARKUP) for cell in cells) if _COMMA.fullmatch(c)]
    return any(not _THOUSANDS.fullmatch(c) for c in commas)


def to_gigabytes(cell: str, column: str) -> float | None:
    """Parse a memory cell and return GiB; None if it is not a number.

    The unit is that of the cell, else that of the column's name; a value without one is GiB.

    Args:
        cell: The cell, such as `44.0GB`.
        column: The name of its column, such as `peak_vram_mb`.
    """
    value = to_number(cell)
    if value is None:
        return None
    unit = _UNIT.search(_ARROW.split(cell)[-1])
    if unit is not None:
        return value * _SIZES[unit["prefix"] and unit["prefix"].lower()]
    for pattern, factor in _UNITS:
        if pattern.search(column):
            return value * factor
    return value


def to_time(cell: str) -> datetime | None:
    """Parse a cell as ISO 8601 or as (milli)seconds since 1970; None for any other text.

    A time without a zone is assumed to be UTC.
    """
    text = cell.strip(_MARKUP)
    if not 8 <= len(text) <= _TIME_LONGEST:
        return None
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return _from_seconds(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _from_seconds(text: str) -> datetime | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    if 1e12 <= seconds < 1e13:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if 1e9 <= seconds < 1e10 else None


def commit_hash(cell: str) -> str | None:
    """Return the hash in a commit cell, in lower case; None for other text.

    What follows it is left out: `-dirty`, or a remark such as `(reverted)`.
    """
    match = _HASH.fullmatch(cell.strip(_MARKUP))
    return match[1].lower() if match is not None else None
