"""When nothing has helped for long: noticed, and where to look next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

FLAT = 6
"""So many experiments in a row without a keep: an under-tried category is asked for."""
STUCK = 12
"""So many: a structural change is asked for, or a near miss is offered again."""


def dry_spell(experiments: Iterable[Experiment]) -> int:
    """How many finished experiments, counted from the newest, brought nothing; what a person
    killed says nothing and is passed over.

    Args:
        experiments: Newest first.
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


def spell_of(session: Session) -> int:
    """The dry spell a session is in."""
    return dry_spell(reversed(session.experiments))


def advice(session: Session) -> str:
    """Where the next proposal should look, in words; empty while there is no plateau."""
    spell = spell_of(session)
    if spell < FLAT:
        return ""
    lead = f"{spell} experiments in a row brought no improvement."
    if spell < STUCK:
        return (
            f"{lead} Small variations of the same kind are used up: propose something of the "
            f"category `{_least_tried(session)}`, which was hardly tried."
        )
    near = near_miss(session, spell)
    if near is not None and spell % 2:
        return (
            f"{lead} The nearest miss was experiment {near.number} "
            f"({near.proposal.hypothesis}; gain {near.gain:+.3g}): take its idea up again in a "
            "clearly different form or strength, or together with another change it needs."
        )
    return (
        f"{lead} Propose a structural change: another block, another optimizer, another schedule, "
        "another way to feed the data; not a number."
    )


def notice(session: Session) -> str:
    """What to tell a person when the newest verdict made or deepened a plateau; else empty."""
    spell = spell_of(session)
    if spell < FLAT or spell % FLAT:
        return ""
    asked = (
        f"it now tries `{_least_tried(session)}`, hardly tried before"
        if spell < STUCK
        else "it is asked for a structural change, or for the nearest miss in another form"
    )
    who = "" if session.config.agent == "search" else f"; the agent is told, and {asked}"
    return f"plateau: {spell} experiments in a row brought no improvement{who}"


def near_miss(session: Session, spell: int) -> Experiment | None:
    """Of the last `spell` experiments the discarded one that came closest to the incumbent."""
    recent = list(session.experiments[-spell - 2 :])
    measured = [
        e
        for e in recent
        if e.effective_verdict is Verdict.DISCARD
        and e.gain is not None
        and not e.doubts
        and e.origin is not Origin.CONFIRM
    ]
    return max(measured, key=lambda e: e.gain or 0.0, default=None)


def _least_tried(session: Session) -> str:
    tried = Counter(e.proposal.category for e in session.experiments)
    return min((c for c in CATEGORIES if c != "other"), key=lambda c: tried[c])
