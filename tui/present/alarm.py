"""Which alarm still asks for a person."""

from __future__ import annotations

from engine.core.session import Session
from tui.present.text import clean_line


def standing_alarm(session: Session) -> str:
    """The last alarm's message, until an experiment has ended since; empty if there is none."""
    if not session.alarms:
        return ""
    alarm = session.alarms[-1]
    ended = [e.ended_at for e in session.experiments[-2:] if e.ended_at is not None]
    if ended and alarm.at < max(ended):
        return ""
    return clean_line(alarm.message)
