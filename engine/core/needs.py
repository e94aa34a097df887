"""Finds what needs the user's attention, as short texts for the terminal and notifications."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import AlarmKind
from engine.core.records import Experiment, Pause, Queued
from engine.core.session import Session


class NeedKind(StrEnum):
    """The kinds of needs of the user's attention, each of which can be notified about."""

    APPROVAL = "approval"
    PARKED = "parked"
    PROGRAM = "program"
    BEST = "best"
    PLATEAU = "plateau"
    PAUSED = "paused"
    ENDED = "ended"


class Need(NamedTuple):
    """Something that waits for the user, or that they want to know.

    Its text is not sanitized yet.
    """

    kind: NeedKind
    key: str
    """Identifies the need for as long as it lasts, so that it is reported once."""
    text: str


def needs_of(session: Session) -> tuple[Need, ...]:
    """Return all that needs the user's attention now, the most urgent first; () if nothing does."""
    needs = [_asked(queued) for queued in session.asked]
    needs += [_parked(queued) for queued in session.parked]
    if session.program_question is not None:
        needs.append(_program(session.program_question))
    needs += [_held(experiment, session) for experiment in session.held]
    if session.pause is not None and not session.pause.by.is_user:
        needs.append(_paused(session.pause))
    alarm = current_alarm(session)
    if alarm is not None and alarm.kind is AlarmKind.PLATEAU:
        needs.append(_plateau(alarm))
    if session.ended is not None:
        needs.append(_ended(session.ended))
    return tuple(needs)


def need_in(event: ev.AnyEvent, session: Session) -> Need | None:
    """Return the need of the user's attention that an event creates; None if it creates none.

    Args:
        event: Any event of the session's journal.
        session: The session with the event applied.
    """
    match event:
        case ev.ReviewRequested():
            return next((_asked(q) for q in session.asked if q.number == event.queued), None)
        case ev.ProposalParked():
            return next((_parked(q) for q in session.parked if q.number == event.queued), None)
        case ev.ProgramQuestioned():
            return _program(event)
        case ev.VerdictGiven() if session.experiment(event.experiment).held:
            return _held(session.experiment(event.experiment), session)
        case ev.FrontierAdvanced():
            return new_best(session)
        case ev.AlarmRaised(kind=AlarmKind.PLATEAU):
            return _plateau(event)
        case ev.Paused() if session.pause is not None and not event.by.is_user:
            return _paused(session.pause)
        case ev.SessionEnded():
            return _ended(event.reason)
        case _:
            return None


def new_best(session: Session) -> Need | None:
    """Return the need that reports the best experiment; None while that is the baseline."""
    best, value = session.best, session.best_metric
    if best is None or best.is_baseline or value is None:
        return None
    text = f"{session.config.metric} {value:.6f} by #{best.number}: {best.proposal.hypothesis}"
    return Need(NeedKind.BEST, f"best {best.number}", f"new best: {text}")


def current_alarm(session: Session) -> ev.AlarmRaised | None:
    """Return the session's last alarm; None where there is none, or an experiment ended since."""
    if not session.alarms:
        return None
    alarm = session.alarms[-1]
    ended = [e.ended_at for e in session.experiments[-2:] if e.ended_at is not None]
    return None if ended and alarm.at < max(ended) else alarm


def _asked(queued: Queued) -> Need:
    text = f"approve? {queued.proposal.hypothesis}"
    return Need(NeedKind.APPROVAL, f"asked {queued.proposal.patch_id}", text)


def _parked(queued: Queued) -> Need:
    text = f"parked: {queued.proposal.hypothesis}"
    return Need(NeedKind.PARKED, f"parked {queued.number}", text)


def _program(question: ev.ProgramQuestioned) -> Need:
    text = f"use the new program.md? It was changed on the disk while #{question.experiment} ran"
    return Need(NeedKind.PROGRAM, f"program {question.digest}", text)


def _held(experiment: Experiment, session: Session) -> Need:
    value = experiment.measurement.metric if experiment.measurement is not None else 0.0
    why = "; ".join(experiment.surprises)
    text = f"keep #{experiment.number}? {session.config.metric} {value:.6f}: {why}"
    return Need(NeedKind.APPROVAL, f"held {experiment.number}", text)


def _paused(pause: Pause) -> Need:
    text = f"paused: {pause.reason} {pause.todo}".rstrip()
    return Need(NeedKind.PAUSED, f"paused {pause.at}", text)


def _plateau(alarm: ev.AlarmRaised) -> Need:
    return Need(NeedKind.PLATEAU, f"plateau {alarm.at}", alarm.message)


def _ended(reason: str) -> Need:
    return Need(NeedKind.ENDED, "ended", f"the session has ended: {reason}")
