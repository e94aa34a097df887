"""Where the time of a session went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.session import Session
from engine.report.model import Hours


class IdleSpan(NamedTuple):
    """A time in which nothing was to happen."""

    begin: datetime
    end: datetime


class Stillness:
    """Notes, as a session's events pass, when it was paused and when no engine was at work."""

    def __init__(self) -> None:
        self._found: list[IdleSpan] = []
        self._paused: datetime | None = None
        self._gone: datetime | None = None
        self._last: datetime | None = None

    def watch(self, events: Iterable[ev.AnyEvent]) -> Iterator[ev.AnyEvent]:
        """Pass the events on."""
        for event in events:
            self._see(event)
            self._last = event.at
            yield event

    def stretches(self, until: datetime) -> tuple[IdleSpan, ...]:
        """All of them; one that goes on ends at `until`."""
        found = list(self._found)
        found += [IdleSpan(begin, until) for begin in (self._paused, self._gone) if begin]
        return tuple(found)

    def _see(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.Paused():
                self._paused = self._paused or event.at
            case ev.Resumed() | ev.SessionEnded() if self._paused:
                self._found.append(IdleSpan(self._paused, event.at))
                self._paused = None
            case ev.EngineStopped():
                self._gone = event.at
            case ev.EngineStarted():
                # One that was killed said nothing; its last word is its last event.
                begin = self._gone or (self._last if event.recovered else None)
                if begin:
                    self._found.append(IdleSpan(begin, event.at))
                self._gone = None
            case _:
                pass


def hours_of(session: Session, still: Iterable[IdleSpan] = ()) -> Hours | None:
    """How the time from the start to the last event was used; None before anything ran."""
    begin, end = session.started_at, session.at
    if begin is None or end <= begin:
        return None
    training = measured = lost = 0.0
    busy: list[IdleSpan] = []
    for e in session.experiments:
        for run in e.runs:
            if run.outcome is None:
                # It runs still: it counts as far as it has come.
                busy.append(IdleSpan(run.started_at, end))
                lost += (end - run.started_at).total_seconds()
                continue
            busy.append(IdleSpan(run.started_at, run.started_at + timedelta(seconds=run.seconds)))
            if run is not e.run or e.measurement is None or e.verdict is Verdict.CRASH:
                lost += run.seconds
                continue
            trained = e.measurement.training_seconds
            trained = run.seconds if trained is None else min(max(trained, 0.0), run.seconds)
            training += trained
            measured += run.seconds
    if not busy:
        return None
    at_work = _union(busy)
    idle = _length(_union(still)) - _overlap(_union(still), at_work)
    total = (end - begin).total_seconds()
    return Hours(
        total=total,
        training=training,
        evaluation=measured - training,
        lost=lost,
        waiting=max(0.0, total - _length(at_work) - idle),
        idle=idle,
    )


def _union(stretches: Iterable[IdleSpan]) -> list[IdleSpan]:
    joined: list[IdleSpan] = []
    for stretch in sorted(stretches):
        if joined and stretch.begin <= joined[-1].end:
            joined[-1] = IdleSpan(joined[-1].begin, max(joined[-1].end, stretch.end))
        else:
            joined.append(stretch)
    return joined


def _length(stretches: Iterable[IdleSpan]) -> float:
    return sum((s.end - s.begin).total_seconds() for s in stretches)


def _overlap(some: list[IdleSpan], others: list[IdleSpan]) -> float:
    total, place = 0.0, 0
    for one in some:
        while place < len(others) and others[place].end <= one.begin:
            place += 1
        for other in others[place:]:
            if other.begin >= one.end:
                break
            total += (min(one.end, other.end) - max(one.begin, other.begin)).total_seconds()
    return total
