"""Formats when a session is expected to end, and what is left until then."""

from __future__ import annotations

from datetime import datetime

from engine.core.analysis.end_forecast import end_forecast
from engine.core.session import Session
from engine.core.text import plural
from tui.present.numbers import dollars


def end_text(session: Session, now: datetime) -> str:
    """Return the forecast of a session's end: `until 07:30: about 34 experiments, $2.10`.

    Args:
        session: The session.
        now: The time of the machine's clock.

    Returns:
        "" where no number of experiments and no time ends it.
    """
    end = end_forecast(session, now)
    if end is None:
        return ""
    if end.experiments is None:
        return end.label
    price = "" if end.dollars is None else f", {dollars(end.dollars)}"
    return f"{end.label}: about {plural(end.experiments, 'experiment')}{price}"
