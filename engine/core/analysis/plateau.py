"""Recognises a plateau (experiments in a row without a keep) and advises the agent what to try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

FLAT = 6
"""Experiments in a row without a keep from which a rarely tried category is requested."""
STUCK = 12
"""Experiments in a row without a keep from which a structural change is requested."""


def dry_spell(experiments: Iterable[Experiment]) -> int:
    """Return the number of finished experiments since the last keep.

    Repeats and experiments that the user stopped do not count.

    Args:
        experiments: The experiments, newest first.
    """
    count = 0
    for experiment in experiments:
        if experiment.effective_verdict is Verdict.KEEP:
            break
        killed = experiment.run is not None and experiment.run.kill_requested
        if experiment.origin is Origin.CONFIRM:
            continue
        if experiment.verdict is not None and not killed:
            count += 1
    return count


def current_dry_spell(session: Session) -> int:
    """Return the number of finished experiments since a session's last keep."""
    return dry_spell(reversed(session.experiments))


def plateau_advice(session: Session) -> str:
    """Return the advice for the agent's next prompt if there is a plateau; empty without one."""
    spell = current_dry_spell(session)
    if spell < FLAT:
        return ""
    lead = f"{spell} experiments in a row brought no improvement."
    if spell < STUCK:
        return (
            f"{lead} Small variations of the same kind are exhausted: propose something of the "
            f"category `{_least_tried(session)}`, which was rarely tried."
        )
    near = near_miss(session, spell)
    if near is not None and spell % 2:
        return (
            f"{lead} The nearest miss was experiment {near.number} "
            f"({near.proposal.hypothesis}; gain {near.gain:+.3g}): try its idea again in a "
            "clearly different form or strength, or together with another change it needs."
        )
    return (
        f"{lead} Propose a structural change: another block, another optimizer, another schedule, "
        "another way to feed the data; not a changed number."
    )


def plateau_notice(session: Session) -> str:
    """Return a message for the user after each `FLAT` experiments without a keep, else empty."""
    spell = current_dry_spell(session)
    if spell < FLAT or spell % FLAT:
        return ""
    request = (
        f"it now tries `{_least_tried(session)}`, rarely tried before"
        if spell < STUCK
        else "it is asked for a structural change, or for a variant of the nearest miss"
    )
    response = "" if session.config.agent == "search" else f"; the agent is informed, and {request}"
    return f"plateau: {spell} experiments in a row brought no improvement{response}"


def near_miss(session: Session, spell: int) -> Experiment | None:
    """Return the discard with the best gain among the latest experiments; None without one.

    Discards without a trusted measurement do not count.

    Args:
        session: The session.
        spell: Number of latest experiments to search; the two before them are searched as well.
    """
    recent = list(session.experiments[-spell - 2 :])
    measured = [
        e
        for e in recent
        if e.effective_verdict is Verdict.DISCARD
        and e.gain is not None
        and not e.doubted
        and e.origin is not Origin.CONFIRM
    ]
    return max(measured, key=lambda e: e.gain or 0.0, default=None)


def _least_tried(session: Session) -> str:
    tried = Counter(e.proposal.category for e in session.experiments)
    return min((c for c in CATEGORIES if c != "other"), key=lambda c: tried[c])
