"""Formats events as plain lines, for a log file or a terminal without a screen."""

from __future__ import annotations

from engine.core import events as ev
from engine.core.session import Session
from engine.core.text import one_line
from tui.present.certainty import measured_line
from tui.present.decisions import decision_line
from tui.present.events import event_text
from tui.present.summary import experiment_line


def log_lines(event: ev.AnyEvent, session: Session, width: int = 120) -> list[str]:
    """Return the lines that the plain log shows for an event; [] for most kinds of events.

    Args:
        event: Any event of the session's journal.
        session: The session with the event applied.
        width: Cells of the line of a finished experiment; other lines are not cut.
    """
    if (decision := decision_line(event, session)) is not None:
        return [one_line(decision)]
    match event:
        case ev.VerdictGiven():
            return [experiment_line(session, session.experiment(event.experiment), width)]
        case ev.SessionStarted():
            notes = [f"Note: {one_line(note)}" for note in event.notes]
            return [one_line(event_text(event).sentence()), *notes]
        case ev.Measured():
            line = measured_line(event, session)
            return [one_line(line)] if line else []
        case ev.RunAdopted() | ev.RunFellBehind():
            return [event_text(event).line(f"#{event.experiment}")]
        case ev.Paused():
            text = event_text(event)
            todo = [f"  {one_line(text.todo)}"] if text.todo else []
            return [one_line(text._replace(todo="").sentence()), *todo]
        case ev.AgentWaited() | ev.ProposalDropped() | ev.AlarmRaised() | ev.SessionEnded():
            return [one_line(event_text(event).sentence())]
        case _:
            return []
