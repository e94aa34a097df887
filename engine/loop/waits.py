"""Measures waits that the journal dates by a monotonic clock, as the machine's clock may be set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from engine.core import events as ev
from engine.core.analysis.stop_conditions import TimeLimit, time_limits
from engine.core.records import Queued
from engine.store.journal import Journal


def boot_seconds() -> float:
    """Return the seconds of a clock that is never set, and goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Waits:
    """Tells how long the session's waits still last: for an answer, the agent, and its end.

    A clock that is set neither lengthens a wait nor ends it early. After a restart of the engine,
    only the dates in the journal are known; a wait then lasts at most as long as it did at first.

    Args:
        journal: The session's journal.
        now: Returns the time of the machine's clock, in UTC.
        monotonic: Returns seconds of a clock that is never set.
    """

    def __init__(
        self,
        journal: Journal,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = boot_seconds,
    ) -> None:
        self.now = now
        self._journal = journal
        self._monotonic = monotonic
        self._ends: dict[tuple[datetime, datetime], float] = {}
        """The end of each wait in seconds of the monotonic clock, by its dates in the journal."""
        journal.listen(self._on_event)

    def _on_event(self, event: ev.AnyEvent) -> None:
        # Measured from the beginning: the clock may be set before the wait is asked about.
        if isinstance(event, ev.AgentWaited | ev.ReviewRequested):
            self._seconds_left(event.at, event.until)
        elif isinstance(event, ev.SessionStarted | ev.EngineStarted | ev.ConfigChanged):
            self.for_end()

    def for_end(self) -> tuple[float, TimeLimit] | None:
        """Return the session's next time limit, after the seconds left until it; None for none."""
        limits = time_limits(self._journal.session)
        left = ((self._seconds_left(limit.since, limit.until), limit) for limit in limits)
        return min(left, default=None)

    def is_time_over(self) -> bool:
        """Return whether a time limit of the session is reached, so that it is to end."""
        end = self.for_end()
        return end is not None and end[0] <= 0

    def for_agent(self) -> float:
        """Return the seconds until a failed agent is asked again; 0 where it may be asked now."""
        waiting = self._journal.session.open_wait
        return self._seconds_left(waiting.since, waiting.until) if waiting is not None else 0.0

    def for_answer(self, queued: Queued) -> float | None:
        """Return the seconds until a question is parked; None where it is not open."""
        if queued.until is None or queued.asked_at is None:
            return None
        return self._seconds_left(queued.asked_at, queued.until)

    def _seconds_left(self, since: datetime, until: datetime) -> float:
        now = self._monotonic()
        if (since, until) not in self._ends:
            left = min(until - self.now(), until - since)
            self._ends[since, until] = now + left.total_seconds()
        return max(0.0, self._ends[since, until] - now)
