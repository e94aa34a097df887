"""Formats decisions: what was decided, by whom and why, for the audit, the log and a proposal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Actor
from engine.core.records import DecisionRecord
from engine.core.session import Session
from engine.core.text import short_id
from tui.present.events import EventText, capitalised, decision_in

_DECIDERS = {
    Actor.SCREEN: "from the screen",
    Actor.COMMAND_LINE: "from the command line",
    Actor.TIMEOUT: "by the time limit",
    Actor.POLICY: "by the autonomy",
}


def decider_text(by: Actor) -> str:
    """Return who or what decided, as a phrase to follow a verb: `from the screen`."""
    return _DECIDERS.get(by, f"by {by}")


def reason_text(reason: str) -> str:
    """Return the reason as `: reason`, to append to a decision; "" where no reason was given."""
    return f": {reason}" if reason else ""


def record_text(decision: DecisionRecord) -> str:
    """Return one recorded decision on a line: `approved from the screen: looks safe`."""
    reason = reason_text(" ".join(decision.reason.split()))
    return f"{decision.text} {decider_text(decision.by)}{reason}"


def decision_line(event: ev.AnyEvent, session: Session) -> str | None:
    """Return an event's decision as one line of the plain log; None for any other event.

    The line contains untrusted text that is not sanitized yet.

    Args:
        event: Any event of the session's journal.
        session: The session with the event applied.
    """
    decision = decision_in(event)
    if decision is None:
        return None
    about = next((q.proposal.hypothesis for q in session.queue if q.number == decision.queued), "")
    if isinstance(event, ev.ReviewRequested):
        return f"Needs you: {short_id(event.patch_id)}: {about} (why: {event.why})"
    decision = decision._replace(subject=decision.subject or about)
    return capitalised(decision.line(_number_text(event, decision.experiment)))


def _number_text(event: ev.AnyEvent, experiment: int) -> str:
    if not experiment:
        return ""
    return f"from #{experiment} on" if isinstance(event, ev.ProgramEdited) else f"#{experiment}"


class AuditEntry(NamedTuple):
    """One decision in the audit, the list of all decisions of the user and of the rules."""

    seq: int
    """The sequence number of the decision's event in the journal."""
    at: datetime
    decision: EventText
    """The event in words, with the patch and the experiment it led to (0 or "" if not known)."""
    hypothesis: str
    """The hypothesis of the proposal that the decision is about; "" for other decisions."""
    number: str
    """The experiment as the line writes it: `#3`, `→ #3` (led to), `from #3 on`; "" for none."""

    @property
    def text(self) -> str:
        """What was decided and why, without who decided; not sanitized yet."""
        subject = self.decision.subject or self.hypothesis
        return self.decision._replace(subject=subject).line(self.number, with_by=False)


def audit_of(events: Iterable[ev.AnyEvent]) -> list[AuditEntry]:
    """Return the decisions among a session's events, oldest first, each with what it led to."""
    found: list[tuple[ev.AnyEvent, EventText, str]] = []
    proposals: dict[int, ev.Proposal] = {}
    experiment_of_queued: dict[int, int] = {}
    experiment_of_pin: dict[int, int] = {}
    tried: dict[int, ev.Proposal] = {}
    for event in events:
        match event:
            case ev.ProposalQueued() | ev.ProposalEdited():
                proposals[event.queued] = event.proposal
            case ev.ProposalDrafted():
                tried[event.experiment] = event.proposal
                if event.queued:
                    experiment_of_queued[event.queued] = event.experiment
                if event.pin:
                    experiment_of_pin.setdefault(event.pin, event.experiment)
            case _:
                pass
        decision = decision_in(event)
        if decision is not None:
            proposal = proposals.get(decision.queued)
            patch = decision.patch_id or (proposal.patch_id if proposal is not None else "")
            found.append((event, decision, patch))
    entries = []
    for event, decision, patch in found:
        led_to = experiment_of_queued.get(decision.queued) or experiment_of_pin.get(decision.pin, 0)
        if decision.experiment:
            number = _number_text(event, decision.experiment)
        else:
            number = f"→ #{led_to}" if led_to else ""
        proposal = proposals.get(decision.queued)
        if proposal is None and not isinstance(event, ev.ProgramEdited):
            proposal = tried.get(decision.experiment)
        hypothesis = proposal.hypothesis if proposal is not None else ""
        decision = decision._replace(patch_id=patch, experiment=decision.experiment or led_to)
        entries.append(AuditEntry(event.seq, event.at, decision, hypothesis, number))
    return entries
