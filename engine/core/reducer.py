"""Folds events into a session's state with `apply` and `fold`; only this changes a session."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core import events as ev
from engine.core import reduce_loop, reduce_steering
from engine.core.handlers import HANDLERS
from engine.core.session import Session

__all__ = ["CONTRADICTIONS", "apply", "fold"]

_REGISTERED = (reduce_loop, reduce_steering)
"""The modules whose import registers the handlers of all events."""

CONTRADICTIONS = (KeyError, IndexError, StopIteration, AssertionError)
"""The exceptions raised by applying events that are each valid but contradict each other."""


def apply(session: Session, event: ev.AnyEvent) -> Session:
    """Return the session's state after one more event; the session passed in is not changed."""
    return HANDLERS[type(event)](session, event)


def fold(
    events: Iterable[ev.AnyEvent], start: Session | None = None, *, tolerant: bool = False
) -> Session:
    """Return the session's state after many events, the same as `apply` gives one by one.

    The points of a loss curve are applied together: copying the session for each of them would take
    three quarters of the time.

    Args:
        events: The events in the order of the journal.
        start: The session's state to begin with; by default one without any event.
        tolerant: Skip events that refer to something not in the session, as in a damaged journal.

    Raises:
        KeyError, IndexError, StopIteration, AssertionError: An event contradicts the session
            (see `CONTRADICTIONS`); only without `tolerant`.
    """
    session = Session() if start is None else start
    points: list[ev.RunProgressed] = []
    for event in events:
        if type(event) is ev.RunProgressed:
            if points and (points[0].experiment, points[0].run) != (event.experiment, event.run):
                session, points = _add_points(session, points, tolerant), []
            points.append(event)
            continue
        if points:
            session, points = _add_points(session, points, tolerant), []
        try:
            session = HANDLERS[type(event)](session, event)
        except CONTRADICTIONS:
            if not tolerant:
                raise
    return _add_points(session, points, tolerant) if points else session


def _add_points(session: Session, points: list[ev.RunProgressed], tolerant: bool) -> Session:
    last = points[-1]
    try:
        runs = session.experiment(last.experiment).runs
    except KeyError:
        if tolerant:
            return session
        raise
    run = next((run for run in runs if run.number == last.run), None)
    if run is None:
        return session if tolerant else session.with_(last)
    curve = (*run.curve, *(ev.ProgressPoint(point.share, point.loss) for point in points))
    return session.change_run(last, last.experiment, last.run, curve=curve)
