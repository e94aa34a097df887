"""Describes what overruling a verdict would do, and why an experiment cannot be tried again."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session


class Overruling(NamedTuple):
    """What overruling an experiment would do: the new verdict, and the question to confirm."""

    verdict: Verdict
    question: str
    consequence: str


def overruling(session: Session, experiment: Experiment) -> Overruling | str:
    """Return how the user can overrule an experiment: a keep is discarded, a discard kept.

    Returns:
        The verdict, the question to confirm and its consequence; or why it is not possible, as a
        sentence.
    """
    number = experiment.number
    if why := why_undecided(experiment):
        return why
    if experiment.is_baseline:
        return "The baseline cannot be overruled: every experiment is compared with it."
    if experiment.measurement is None or experiment.effective_verdict is Verdict.CRASH:
        return f"Experiment {number} was never measured; press R to try its idea again."
    if experiment.origin is Origin.CONFIRM:
        return f"Experiment {number} only confirms #{experiment.of}; overrule that one."
    if number in session.pending_overrules:
        return f"Your last verdict on experiment {number} is still being carried out."
    later = any(
        e.advanced and e.effective_verdict is Verdict.KEEP for e in session.experiments[number:]
    )
    if experiment.effective_verdict is Verdict.KEEP:
        return Overruling(
            Verdict.DISCARD,
            f"Discard experiment {number}, which was kept?",
            "Later keeps stand on it, so the file without its change is run as a new experiment "
            "and kept. Nothing on the branch is rewritten."
            if later or session.incumbent != number
            else "The branch takes its change back by a new commit, nothing is rewritten, and the "
            "keep before it is the best again.",
        )
    held = f"which is held for you: {'; '.join(experiment.surprises)}"
    return Overruling(
        Verdict.KEEP,
        f"Keep experiment {number}, {held if experiment.held else 'which was discarded'}?",
        "The best has moved on since, so its change is run on top of it as a new experiment and "
        "kept whatever it measures."
        if later
        else "Its change goes onto the branch and it counts as the best: what comes next is built "
        "on it and compared with it.",
    )


def why_undecided(experiment: Experiment) -> str:
    """Return that an experiment has no verdict yet, as a sentence; "" once it has one."""
    if experiment.verdict is None:
        return f"Experiment {experiment.number} has no verdict yet."
    return ""


def why_not_confirm(experiment: Experiment) -> str:
    """Return why the unchanged experiment cannot be run once more; "" where it can."""
    if why := why_undecided(experiment):
        return why
    if experiment.measurement is None:
        return (
            f"Experiment {experiment.number} has no measurement to confirm; "
            "press R to try its idea again."
        )
    return ""


def why_not_revive(experiment: Experiment) -> str:
    """Return why the experiment's change cannot be tried again on the best; "" where it can."""
    if why := why_undecided(experiment):
        return why
    return "The baseline has no change to revive." if experiment.is_baseline else ""
