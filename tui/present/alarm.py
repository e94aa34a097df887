"""The alarm that the user should still look at, in words."""

from __future__ import annotations

from engine.core.needs import current_alarm
from engine.core.session import Session
from tui.present.text import clean_line


def alarm_text(session: Session) -> str:
    """Return the current alarm's message; "" without one."""
    alarm = current_alarm(session)
    return "" if alarm is None else clean_line(alarm.message)
