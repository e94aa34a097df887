"""Formats the session's current alarm as a line of text."""

from __future__ import annotations

from engine.core.needs import current_alarm
from engine.core.session import Session
from tui.present.text import clean_line


def alarm_text(session: Session) -> str:
    """Return the message of the session's current alarm as one clean line; "" without an alarm."""
    alarm = current_alarm(session)
    return "" if alarm is None else clean_line(alarm.message)
