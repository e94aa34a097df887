"""Formats a proposal that waits for the user, for the approval card and the list of proposals."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from engine.core.candidate import ProposalRecord
from engine.core.enums import DecisionKind, Origin, QueueState
from engine.core.records import Queued
from engine.core.session import Session
from tui.present.decisions import decider_text, record_text
from tui.present.numbers import clock
from tui.present.risk import heaviest_first, line_numbers, risk_of, weight_style, weight_text


class LabelledLine(NamedTuple):
    """A line of text with a label before it, and the style of each ("" is the widget's own)."""

    label: str
    text: str
    style: str = ""
    label_style: str = "--dim"


def origin_text(candidate: ProposalRecord) -> str:
    """Return who or what made a proposal or experiment: `llm's own idea`, `your pin 3`."""
    match candidate.origin:
        case Origin.AGENT:
            return f"{candidate.proposal.agent or 'the agent'}'s own idea"
        case Origin.PIN:
            return f"your pin {candidate.pin}"
        case Origin.REVIVE:
            return f"the change of experiment {candidate.of} again"
        case Origin.CONFIRM:
            return f"experiment {candidate.of} once more, exactly"
        case Origin.OVERRULE:
            return f"your own verdict on experiment {candidate.of}"


def review_lines(session: Session, queued: Queued) -> list[LabelledLine]:
    """Return the lines of the approval card: hypothesis, why the user is asked, origin, risk."""
    proposal = queued.proposal
    lines = [LabelledLine("tries", proposal.hypothesis or "no hypothesis was given", "--strong")]
    if proposal.expected.strip():
        lines.append(LabelledLine("expects", proposal.expected))
    if queued.why:
        lines.append(LabelledLine("asked", queued.why, "--attention"))
    pin = next((f": {p.text}" for p in session.pins if p.number == queued.pin), "")
    lines.append(LabelledLine("from", f"{origin_text(queued)}{pin} · {proposal.category}"))
    if proposal.knobs:
        knobs = ", ".join(f"{name} {old} → {new}" for name, (old, new) in proposal.knobs.items())
        lines.append(LabelledLine("knobs", knobs))
    if proposal.rationale.strip():
        lines.append(LabelledLine("because", proposal.rationale))
    edited = [
        d for d in queued.decisions if d.kind not in (DecisionKind.ASKED, DecisionKind.PARKED)
    ]
    lines += [LabelledLine("since", f"{d.at:%H:%M} UTC  {record_text(d)}") for d in edited[-5:]]
    lines.append(LabelledLine("risk", risk_of(queued.findings)))
    for finding in heaviest_first(queued.findings):
        where = line_numbers(finding.lines)
        text = f"{finding.message} ({', '.join(filter(None, (where, finding.rule)))})"
        style = weight_style(finding.weight)
        lines.append(LabelledLine(weight_text(finding.weight), text, label_style=style))
    return lines


def waiting_text(queued: Queued, now: datetime) -> tuple[str, str]:
    """Return how long a proposal waits for the user before it is parked, and the text's style.

    Args:
        queued: The proposal, asked about or parked.
        now: The current time in UTC.
    """
    if queued.state is QueueState.PARKED:
        return "parked: it waits until you decide", "--accent"
    if queued.until is None:
        return "waits for you", "--attention"
    left = clock((queued.until - now).total_seconds())
    return f"parked in {left} unless you decide; it never runs unasked", "--attention"


def change_since(session: Session, queued: Queued, *, same_state: bool = True) -> str:
    """Return in a sentence what has happened to a proposal since the user saw it; "" for nothing.

    Args:
        session: The session as it is now.
        queued: The proposal as the user saw it.
        same_state: True if parking the proposal counts as a change.
    """
    now = next((q for q in session.queue if q.number == queued.number), None)
    patch = queued.proposal.patch_id
    if now is None:
        for veto in reversed(session.vetoed):
            if veto.proposal.patch_id == patch:
                return f"It was vetoed meanwhile, {decider_text(veto.by)}: {veto.reason}"
        for experiment in reversed(session.experiments):
            if experiment.queued == queued.number:
                return f"It was approved meanwhile: it is experiment {experiment.number} now."
        return "It was taken out of the queue meanwhile."
    last = now.decisions[-1] if now.decisions else None
    if now.proposal.patch_id != patch:
        edits = [d for d in now.decisions if d.kind is DecisionKind.EDITED]
        by = f", {decider_text(edits[-1].by)}" if edits else ""
        return f"Its patch was changed meanwhile{by}. Go back and open it again."
    if now.state is QueueState.READY:
        by = f", {decider_text(last.by)}" if last is not None else ""
        return f"It was approved meanwhile{by}; it runs when its turn comes."
    if same_state and now.state is not queued.state and now.state is QueueState.PARKED:
        return "Its time ran out: it is parked until you decide (w lists it)."
    return ""
