"""An end time means one moment, whichever engine reads it and however the clock is set."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.end_time import (
    end_time_mismatch,
    end_time_text,
    parse_end_time,
    resolve_end_time,
)

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 11, 29, 22, 15, tzinfo=BERLIN)


def in_berlin(at: datetime) -> datetime:
    return at.astimezone(BERLIN) if at.tzinfo is not None else at.replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "now", "resolved"),
    [
        ("", EVENING, ""),
        ("None", EVENING, ""),
        ("07:30", EVENING, "2026-11-30T07:30+01:00"),
        (" 7:30 ", EVENING, "2026-11-30T07:30+01:00"),
        ("22:15", EVENING, "2026-11-30T22:15+01:00"),
        ("22:16", EVENING, "2026-11-29T22:16+01:00"),
        ("07:30", EVENING.astimezone(UTC), "2026-11-30T07:30+01:00"),
        ("2026-12-24T18:00", EVENING, "2026-12-24T18:00+01:00"),
        ("2026-12-24 18:00:05", EVENING, "2026-12-24T18:00:05+01:00"),
        ("2026-12-24", EVENING, "2026-12-24T00:00+01:00"),
        ("2026-12-24T18:00Z", EVENING, "2026-12-24T18:00+00:00"),
        ("2026-07-01T07:30", EVENING, "2026-07-01T07:30+02:00"),
        ("2026-11-30T07:30+01:00", EVENING, "2026-11-30T07:30+01:00"),
        # The night in which summer time ends, and the one in which it begins.
        ("07:30", datetime(2026, 10, 24, 23, tzinfo=BERLIN), "2026-10-25T07:30+01:00"),
        ("07:30", datetime(2026, 3, 28, 23, tzinfo=BERLIN), "2026-03-29T07:30+02:00"),
    ],
)
def test_a_time_is_resolved_to_the_moment_it_means(text: str, now: datetime, resolved: str) -> None:
    assert resolve_end_time(text, now, in_berlin) == resolved
    assert end_time_mismatch(resolved) == ""


@pytest.mark.parametrize(
    "text", ["24:00", "7", "07:60", "soon", "07.30", "2026-13-01T07:30", "-1:30", "07:30 tomorrow"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as 07:30"):
        resolve_end_time(text, EVENING, in_berlin)
    assert "07:30" in end_time_mismatch(text)


@given(
    st.times(),
    st.integers(946_684_800, 3_800_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_a_time_of_the_day_is_the_next_one_and_stays_that_moment(
    clock: time, now: datetime, later: float
) -> None:
    resolved = resolve_end_time(f"{clock:%H:%M}", now, in_berlin)
    at = parse_end_time(resolved)
    assert at is not None
    assert timedelta(0) < at - now <= timedelta(hours=25)
    assert (f"{at:%H:%M}") == f"{clock:%H:%M}" or "02:" in f"{clock:%H:%M}"
    # An engine that is started later, even the next day, reads the same moment.
    assert resolve_end_time(resolved, now + later * timedelta(days=3), in_berlin) == resolved


def test_what_is_not_resolved_is_no_moment() -> None:
    assert parse_end_time("") is None
    assert parse_end_time("07:30") is None
    assert parse_end_time("2026-11-30T07:30") is None


def test_a_time_within_a_day_is_shown_without_its_date() -> None:
    at = datetime(2026, 11, 30, 7, 30, tzinfo=BERLIN)
    assert end_time_text(at, EVENING) == "07:30"
    assert end_time_text(at, EVENING - timedelta(days=1)) == "2026-11-30 07:30"
    assert end_time_text(at, at + timedelta(hours=1)) == "2026-11-30 07:30"
    assert end_time_text(at) == "2026-11-30 07:30"
