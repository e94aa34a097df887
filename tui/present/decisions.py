"""What was decided, by whom and why, as the journal's events tell it: for the audit and for lines
as they come.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Origin, ReviewAnswer
from engine.core.session import Session

_AGAIN = {Origin.REVIVE: "revived", Origin.CONFIRM: "asked for another run of"}


class DecisionLine(NamedTuple):
    """One decision of a person, or of a rule in their place."""

    what: str
    """`approved`, `vetoed`, `pinned` …"""
    by: str
    """`screen`, `command line`, `timeout`, `policy` …"""
    reason: str = ""
    text: str = ""
    """What was pinned, banned or noted."""
    patch_id: str = ""
    queued: int = 0
    experiment: int = 0
    pin: int = 0


def decision_in(event: ev.AnyEvent) -> DecisionLine | None:
    """The decision that an event records, if it does."""
    return _about_a_proposal(event) or _steering(event) or _about_the_session(event)


def _about_a_proposal(event: ev.AnyEvent) -> DecisionLine | None:
    match event:
        case ev.ReviewRequested():
            return DecisionLine(
                "asked", "policy", event.why, patch_id=event.patch_id, queued=event.queued
            )
        case ev.ReviewDecided():
            what = "approved" if event.decision is ReviewAnswer.APPROVE else "vetoed"
            return DecisionLine(
                what, event.by, event.reason, patch_id=event.patch_id, queued=event.queued
            )
        case ev.ProposalParked():
            return DecisionLine("parked", "timeout", event.reason, queued=event.queued)
        case ev.ProposalEdited():
            patch = event.proposal.patch_id
            return DecisionLine("edited", event.by, patch_id=patch, queued=event.queued)
        case ev.ProposalQueued() if event.origin in _AGAIN:
            # Its proposal tells through what the person asked for it.
            patch = event.proposal.patch_id
            what = f"{_AGAIN[event.origin]} #{event.of}"
            return DecisionLine(what, event.proposal.agent, patch_id=patch, queued=event.queued)
        case ev.KillRequested():
            what = "vetoed while it ran" if event.reason else "killed"
            return DecisionLine(what, event.by, event.reason, experiment=event.experiment)
        case ev.Overruled():
            what = f"overruled: {event.verdict.value}"
            return DecisionLine(what, event.by, event.reason, experiment=event.experiment)
        case _:
            return None


def _steering(event: ev.AnyEvent) -> DecisionLine | None:
    match event:
        case ev.HypothesisPinned():
            return DecisionLine("pinned", event.by, text=event.text, pin=event.pin)
        case ev.PinEdited():
            return DecisionLine("changed the pin", event.by, text=event.text, pin=event.pin)
        case ev.PinMoved():
            return DecisionLine(
                f"moved the pin to place {event.place + 1}", event.by, pin=event.pin
            )
        case ev.PinRemoved():
            return DecisionLine("removed the pin", event.by, event.reason, pin=event.pin)
        case ev.DirectionBanned():
            return DecisionLine(f"banned ({event.ban})", event.by, text=event.text)
        case ev.BanLifted():
            return DecisionLine(f"lifted the ban {event.ban}", event.by)
        case ev.NoteAdded():
            return DecisionLine(f"noted ({event.note})", event.by, text=event.text)
        case ev.NoteRemoved():
            return DecisionLine(f"removed the note {event.note}", event.by)
        case ev.ProgramEdited() if event.diff:
            return DecisionLine("changed program.md", "file", experiment=event.experiment)
        case _:
            return None


def _about_the_session(event: ev.AnyEvent) -> DecisionLine | None:
    match event:
        case ev.AutonomySet():
            return DecisionLine(f"autonomy {event.autonomy.value}", event.by)
        case ev.Paused() if event.by != "engine":
            return DecisionLine("paused", event.by, event.reason)
        case ev.Resumed():
            return DecisionLine("resumed", event.by)
        case ev.StopRequested():
            return DecisionLine(f"stop {event.mode.value}", event.by, event.reason)
        case ev.StopCancelled():
            return DecisionLine("no stop after all", event.by)
        case _:
            return None


def decision_line(event: ev.AnyEvent, session: Session) -> str | None:
    """An event's decision as a line of its own, with the next step where a person is asked; None
    where it is none. Untrusted text in it is not cleaned yet.
    """
    decided = decision_in(event)
    if decided is None:
        return None
    about = next((q.proposal.hypothesis for q in session.queue if q.number == decided.queued), "")
    text = decided.text or about
    if isinstance(event, ev.ReviewRequested):
        return f"Needs you: {event.patch_id}: {text} (why: {event.why})"
    number = decided.experiment if not isinstance(event, ev.ProgramEdited) else 0
    what = " ".join(filter(None, (decided.what, decided.patch_id, f"#{number}" if number else "")))
    if isinstance(event, ev.ProgramEdited):
        what += f", in force from #{event.experiment} on"
    why = f" (why: {decided.reason})" if decided.reason else ""
    return f"{what[0].upper()}{what[1:]}, {decided.by}" + (f": {text}" if text else "") + why
