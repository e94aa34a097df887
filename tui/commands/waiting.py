"""Finds a queued proposal by the name the user gave; formats proposals and pins, also for JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from engine.core.enums import QueueState
from engine.core.errors import UsageError
from engine.core.finding import Finding
from engine.core.records import Pin, Queued
from engine.core.session import Session
from engine.core.text import duration, one_line, short_id
from tui.present.proposal import origin_text
from tui.present.risk import heaviest, risk_of

SHORTEST = 4
"""The fewest first characters of a patch_id that may name a proposal."""


def choose(session: Session, name: str | None, *, verb: str) -> str:
    """Return the patch_id of the proposal that the user's decision names.

    Args:
        session: The session's state, with the queue.
        name: A patch_id or its beginning, as given; None: the only proposal that waits.
        verb: The verb of the decision, as an error names it.

    Raises:
        UsageError: The name fits no proposal or several, or is too short.
    """
    waiting = session.in_question
    if name is None:
        if len(waiting) == 1:
            return waiting[0].proposal.patch_id
        if not waiting:
            raise UsageError("No proposal waits for you.", "", "See `autoresearch-tui queue`.")
        raise UsageError(
            f"{len(waiting)} proposals wait: {_list(waiting)}.",
            "",
            f"Name one: autoresearch-tui {verb} {short_id(waiting[0].proposal.patch_id)}",
        )
    prefix = name.strip().lower()
    if len(prefix) < SHORTEST:
        numbered = [q for q in waiting if str(q.number) == prefix.lstrip("#")]
        todo = (
            f"A decision names the patch: autoresearch-tui {verb} "
            f"{short_id(numbered[0].proposal.patch_id)}"
            if numbered
            else "See `autoresearch-tui queue`."
        )
        raise UsageError(
            f"{one_line(name)!r} is too short for a patch_id.",
            f"At least its first {SHORTEST} characters are needed.",
            todo,
        )
    # Decided proposals can be named too: the engine replies what became of them.
    known = (
        [q.proposal.patch_id for q in session.queue],
        [v.proposal.patch_id for v in session.vetoed]
        + [e.proposal.patch_id for e in session.experiments],
    )
    for patch_ids in known:
        found = sorted({patch for patch in patch_ids if patch.startswith(prefix)})
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{one_line(name)!r} fits {len(found)}: {', '.join(found[:5])}.")
    if re.fullmatch("[0-9a-f]{12,}", prefix):
        return prefix
    have = f"There are: {_list(waiting)}." if waiting else "No proposal waits."
    raise UsageError(f"No proposal that waits has the patch_id {one_line(name, 40)!r}.", have)


def find(session: Session, name: str) -> Queued:
    """Return a queued proposal by its patch_id, the beginning of one, or its number in the queue.

    Raises:
        UsageError: There is no such proposal, or more than one.
    """
    prefix = name.strip().lower()
    found = [q for q in session.queue if str(q.number) == prefix.lstrip("#")]
    if not found and len(prefix) >= SHORTEST:
        found = [q for q in session.queue if q.proposal.patch_id.startswith(prefix)]
    if found and len({q.proposal.patch_id for q in found}) == 1:
        return found[0]
    have = f"There are: {_list(session.queue)}." if session.queue else "The queue is empty."
    raise UsageError(f"No proposal in the queue is named {one_line(name, 40)!r}.", have)


def _list(proposals: Sequence[Queued]) -> str:
    shown = [
        f"{short_id(q.proposal.patch_id)} ({one_line(q.proposal.hypothesis, 50)})"
        for q in proposals[:5]
    ]
    more = f" and {len(proposals) - 5} more" if len(proposals) > 5 else ""
    return "; ".join(shown) + more


def left_until(until: datetime, now: datetime) -> str:
    """Return the time until a moment in words: `in 3 min 20 s`; the word `now` if it is past."""
    seconds = (until - now).total_seconds()
    return "now" if seconds <= 0 else f"in {duration(seconds)}"


def queued_lines(queued: Queued, width: int, now: datetime | None = None) -> list[str]:
    """Return a queued proposal as two or three lines of text, narrow enough for a phone.

    Args:
        queued: The proposal.
        width: The width of the terminal in cells.
        now: The time from which its time limit is counted; None: the present.
    """
    p = queued.proposal
    parts = [short_id(p.patch_id), f"+{p.added} −{p.removed}", origin_text(queued)]
    if queued.state is QueueState.ASKED and queued.until is not None:
        parts.insert(1, f"parked {left_until(queued.until, now or datetime.now(UTC))}")
    elif queued.state is QueueState.PARKED:
        parts.insert(1, "parked")
    elif queued.approved:
        parts.insert(1, "approved")
    if queued.findings:
        parts.append(f"risk: {risk_of(queued.findings)}")
    lines = [f"{queued.number:>3}  {' · '.join(parts)}"]
    lines.append("     " + one_line(p.hypothesis, max(20, width - 5)))
    if queued.why and queued.state is not QueueState.READY:
        lines.append("     asked: " + one_line(queued.why, max(20, width - 12)))
    return lines


def pin_lines(pins: Sequence[Pin], width: int) -> list[str]:
    """Return a line of text per pin: the waiting ones in order, then those tried or removed."""
    lines = [
        f"{place:>3}. pin {pin.number}: " + one_line(pin.text, max(20, width - 14))
        for place, pin in enumerate((p for p in pins if p.waits), start=1)
    ]
    for pin in pins:
        if not pin.waits:
            became = f"→ #{pin.experiment}" if pin.experiment else f"not done: {pin.removed}"
            lines.append(f"     pin {pin.number} {one_line(became, 60)}: {one_line(pin.text, 80)}")
    return lines


def queued_facts(queued: Queued) -> dict[str, Any]:
    """Return a queued proposal as plain values for JSON."""
    p, weight = queued.proposal, heaviest(queued.findings)
    return {
        "number": queued.number,
        "patch_id": p.patch_id,
        "state": queued.state.value,
        "until": queued.until.isoformat() if queued.until is not None else None,
        "why": queued.why,
        "approved": bool(queued.approved) and queued.approved == p.patch_id,
        "agent": p.agent,
        "origin": queued.origin.value,
        "pin": queued.pin or None,
        "of": queued.of or None,
        "risk": weight.value if weight is not None else "none",
        "findings": [finding_facts(f) for f in queued.findings],
        "category": p.category,
        "hypothesis": p.hypothesis,
        "added": p.added,
        "removed": p.removed,
    }


def finding_facts(finding: Finding) -> dict[str, Any]:
    """Return a finding of the risk check as plain values for JSON."""
    return {
        "rule": finding.rule,
        "weight": finding.weight.value,
        "lines": list(finding.lines),
        "message": one_line(finding.message),
    }


def pin_facts(pin: Pin) -> dict[str, Any]:
    """Return a pin as plain values for JSON."""
    return {
        "pin": pin.number,
        "text": pin.text,
        "by": pin.by,
        "at": pin.at.isoformat(),
        "waits": pin.waits,
        "experiment": pin.experiment or None,
        "removed": pin.removed,
    }
