"""What a person's own verdict on an earlier experiment would do, in words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session


class Overruling(NamedTuple):
    """The one other verdict there can be, and what follows from it."""

    verdict: Verdict
    question: str
    consequence: str


def overruling(session: Session, experiment: Experiment) -> Overruling | str:
    """What overruling an experiment means, or why it cannot be overruled."""
    number = experiment.number
    if why := not_past(experiment):
        return why
    if experiment.is_baseline:
        return "The baseline is what all is compared with; it stays."
    if experiment.measurement is None or experiment.effective_verdict is Verdict.CRASH:
        return f"Experiment {number} was never measured; press R to try its idea again."
    if experiment.origin is Origin.CONFIRM:
        return f"Experiment {number} only confirms #{experiment.of}; overrule that one."
    if number in session.pending_overrules:
        return f"The branch still follows your last word on experiment {number}."
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
    return Overruling(
        Verdict.KEEP,
        f"Keep experiment {number}, which was discarded?",
        "The best has moved on since, so its change is run on top of it as a new experiment and "
        "kept whatever it measures."
        if later
        else "Its change goes onto the branch and it counts as the best: what comes next is built "
        "on it and compared with it.",
    )


def not_past(experiment: Experiment) -> str:
    """Why nothing can be decided about its verdict yet; empty where it can."""
    if experiment.verdict is None:
        return f"Experiment {experiment.number} has no verdict yet."
    return ""


def not_confirmable(experiment: Experiment) -> str:
    """Why it cannot be run once more."""
    if why := not_past(experiment):
        return why
    if experiment.measurement is None:
        return (
            f"Experiment {experiment.number} has no measurement to confirm; "
            "press R to try its idea again."
        )
    return ""


def not_revivable(experiment: Experiment) -> str:
    """Why its change cannot be tried again."""
    if why := not_past(experiment):
        return why
    return "The baseline changes nothing; there is nothing to revive." * experiment.is_baseline
