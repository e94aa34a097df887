"""Computes how a session's time was used: training, evaluation, waiting, paused, no engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Outcome, Verdict
from engine.core.session import Session
from engine.report.model import Hours


class IdleSpan(NamedTuple):
    """A time span in which the session was paused or had no engine."""

    begin: datetime
    end: datetime


class IdleTracker:
    """Finds the spans in which a session was paused or had no engine, from its events."""

    def __init__(self) -> None:
        self._found: list[IdleSpan] = []
        self._paused: datetime | None = None
        self._stopped: datetime | None = None
        self._last: datetime | None = None

    def watch(self, events: Iterable[ev.AnyEvent]) -> Iterator[ev.AnyEvent]:
        """Yield the events unchanged, and record where the session was idle."""
        for event in events:
            self._note(event)
            self._last = event.at
            yield event

    def spans(self, until: datetime) -> tuple[IdleSpan, ...]:
        """Return all idle spans so far; one that has not ended yet ends at `until`."""
        found = list(self._found)
        found += [IdleSpan(begin, until) for begin in (self._paused, self._stopped) if begin]
        return tuple(found)

    def _note(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.Paused():
                self._paused = self._paused or event.at
            case ev.Resumed() | ev.SessionEnded() if self._paused:
                self._found.append(IdleSpan(self._paused, event.at))
                self._paused = None
            case ev.EngineStopped():
                self._stopped = event.at
            case ev.EngineStarted():
                # A killed engine journaled no stop, so the span begins at the last event.
                begin = self._stopped or (self._last if event.recovered else None)
                if begin:
                    self._found.append(IdleSpan(begin, event.at))
                self._stopped = None
            case _:
                pass


def hours_of(session: Session, idle_spans: Iterable[IdleSpan] = ()) -> Hours | None:
    """Return how a session's time up to its last event was used; None before the first run.

    Args:
        session: The session.
        idle_spans: The spans in which it was paused or had no engine, from `IdleTracker`.
    """
    begin, end = session.started_at, session.at
    if begin is None or end <= begin:
        return None
    training = measured = lost = 0.0
    busy: list[IdleSpan] = []
    for e in session.experiments:
        for run in e.runs:
            if run.outcome is None:
                # The run has not ended: its time so far counts.
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
    running = _union(busy)
    idle = _length(_union(idle_spans)) - _overlap(_union(idle_spans), running)
    total = (end - begin).total_seconds()
    runs = (run for e in session.experiments for run in e.runs)
    return Hours(
        total=total,
        training=training,
        evaluation=measured - training,
        lost=lost,
        waiting=max(0.0, total - _length(running) - idle),
        idle=idle,
        stopped=sum(r.outcome is Outcome.STOPPED_EARLY for r in runs),
        saved=session.saved_seconds,
    )


def _union(spans: Iterable[IdleSpan]) -> list[IdleSpan]:
    joined: list[IdleSpan] = []
    for span in sorted(spans):
        if joined and span.begin <= joined[-1].end:
            joined[-1] = IdleSpan(joined[-1].begin, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _length(spans: Iterable[IdleSpan]) -> float:
    return sum((s.end - s.begin).total_seconds() for s in spans)


def _overlap(spans: list[IdleSpan], others: list[IdleSpan]) -> float:
    total, first = 0.0, 0
    for span in spans:
        while first < len(others) and others[first].end <= span.begin:
            first += 1
        for other in others[first:]:
            if other.begin >= span.end:
                break
            total += (min(span.end, other.end) - max(span.begin, other.begin)).total_seconds()
    return total
