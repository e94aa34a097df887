"""Resolves the time at which a session is to end: `07:30`, or a date and a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_EXPECTED = "a time such as 07:30, or a date and time such as 2026-11-30T07:30"


def _clock_time(text: str) -> time | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return time(int(found[1]), int(found[2]))


def parse_end_time(text: str) -> datetime | None:
    """Parse a resolved end time; None for an empty text or a time that is not resolved."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def end_time_mismatch(text: str) -> str:
    """Return what is expected instead of an end time, or "" where it is valid or empty."""
    if not text or _clock_time(text) is not None:
        return ""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return _EXPECTED
    return ""


def resolve_end_time(
    text: str,
    now: datetime,
    localize: Callable[[datetime], datetime] = lambda at: at.astimezone(),
) -> str:
    """Return an end time as an absolute one, with its offset from UTC; "" for none.

    So it means the same moment for every later engine. A time of the day is the next one.

    Args:
        text: The time as the user wrote it, or as it was resolved before; empty or `none`: none.
        now: The time of the machine's clock, with its offset from UTC.
        localize: Gives a date and time without an offset the one of the machine's time zone.

    Raises:
        ValueError: The text is not a time; the message says what is expected.
    """
    text = text.strip()
    if text.lower() in ("", "none"):
        return ""
    clock = _clock_time(text)
    try:
        if clock is not None:
            today = localize(now).date()
            at = localize(datetime.combine(today, clock))
            if at <= now:
                at = localize(datetime.combine(today + timedelta(days=1), clock))
        else:
            at = datetime.fromisoformat(text)
            at = localize(at) if at.tzinfo is None else at
        at.astimezone()  # an error where the time cannot be compared with others
    except (ValueError, OverflowError, OSError):
        raise ValueError(_EXPECTED) from None
    return at.isoformat(timespec="minutes" if not at.second and not at.microsecond else "seconds")


def end_time_text(at: datetime, now: datetime | None = None) -> str:
    """Return an end time as text: `07:30` within a day of `now`, else with its date."""
    near = now is not None and timedelta(0) <= at - now < timedelta(days=1)
    return f"{at:%H:%M}" if near else f"{at:%Y-%m-%d %H:%M}"
