"""Recognises a plateau (measured discards in a row) and advises the agent what to try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from engine.core.enums import CATEGORIES, Origin, Outcome, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

FLAT = 6
"""Measured discards in a row from which a rarely tried category is requested."""
STUCK = 12
"""Measured discards in a row from which a structural change is requested."""


def is_measured_discard(experiment: Experiment) -> bool:
    """Return whether an experiment is evidence that its idea brings no improvement.

    That is a measured run, or one that was stopped early because its curve was too far behind. A
    crash, a doubted report, a repeat and an experiment that the user stopped are not.
    """
    measured = experiment.measurement is not None and not experiment.doubts
    measured = measured or experiment.outcome is Outcome.STOPPED_EARLY
    return _is_attempt(experiment, Verdict.DISCARD) and measured


def experiments_since_keep(session: Session, after: int = 0) -> int:
    """Return the number of discards and crashes since a session's last keep.

    Repeats and experiments that the user stopped do not count.

    Args:
        session: The session.
        after: The number of the last experiment that does not count; 0: all do.
    """
    count = 0
    for experiment in reversed(session.experiments):
        if experiment.effective_verdict is Verdict.KEEP or experiment.number <= after:
            break
        count += _is_attempt(experiment, Verdict.DISCARD, Verdict.CRASH)
    return count


def dry_spell(experiments: Iterable[Experiment]) -> int:
    """Return the number of measured discards since the last keep.

    Args:
        experiments: The experiments, newest first.
    """
    count = 0
    for experiment in experiments:
        if experiment.effective_verdict is Verdict.KEEP:
            break
        count += is_measured_discard(experiment)
    return count


def current_dry_spell(session: Session) -> int:
    """Return the number of measured discards since a session's last keep."""
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
    """Return a message for the user after each `FLAT` measured discards in a row, else empty."""
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
    """Return the discard with the best gain among the latest measured ones; None without one.

    Args:
        session: The session.
        spell: Number of measured discards to search; the two before them are searched as well.
    """
    measured = filter(is_measured_discard, reversed(session.experiments))
    recent = [
        e
        for e in islice(measured, spell + 2)
        if e.gain is not None and not (e.doubted or e.breaches)
    ]
    return max(reversed(recent), key=lambda e: e.gain or 0.0, default=None)


def _is_attempt(experiment: Experiment, *verdicts: Verdict) -> bool:
    """Return whether an idea was tried to its end, with one of the verdicts."""
    killed = experiment.run is not None and experiment.run.kill_requested
    finished = experiment.effective_verdict in verdicts
    return finished and not killed and experiment.origin is not Origin.CONFIRM


def _least_tried(session: Session) -> str:
    tried = Counter(e.proposal.category for e in session.experiments)
    return min((c for c in CATEGORIES if c != "other"), key=lambda c: tried[c])
