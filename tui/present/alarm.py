"""The alarm that the user should still look at."""

from __future__ import annotations

from engine.core.session import Session
from tui.present.text import clean_line


def current_alarm(session: Session) -> str:
    """Return the last alarm's message; "" once an experiment has ended after it."""
    if not session.alarms:
        return ""
    alarm = session.alarms[-1]
    ended = [e.ended_at for e in session.experiments[-2:] if e.ended_at is not None]
    if ended and alarm.at < max(ended):
        return ""
    return clean_line(alarm.message)
