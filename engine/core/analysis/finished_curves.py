"""Selects the loss curves of a session that later runs are compared with, and judged by."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.curves.comparison import FinishedCurve
from engine.core.curves.curve import Track
from engine.core.enums import Origin, Outcome, Verdict
from engine.core.records import Experiment, Run
from engine.core.session import Session

TrackOf = Callable[[Experiment, Run], Track | None]
"""Returns a run's loss curve over the share of its budget; None where it has none."""


def finished_curves(session: Session, track_of: TrackOf) -> list[FinishedCurve]:
    """Return the curves of a session's finished first tries, each with the incumbent's then.

    Args:
        session: The session.
        track_of: Returns the curve of a run.
    """
    found = (_finished(session, experiment, track_of) for experiment in session.experiments)
    return [curve for curve in found if curve is not None]


def _finished(session: Session, experiment: Experiment, track_of: TrackOf) -> FinishedCurve | None:
    run = next((r for r in experiment.runs if r.outcome is Outcome.FINISHED), None)
    if run is None or experiment.verdict is None or experiment.doubted:
        return None
    found = reference_run(session, experiment, run)
    if found is None or not is_first_try(experiment, run):
        return None
    track, reference = track_of(experiment, run), track_of(*found)
    if track is None or reference is None:
        return None
    kept = experiment.effective_verdict is Verdict.KEEP
    return FinishedCurve(experiment.number, track, reference, kept)


def is_first_try(experiment: Experiment, run: Run) -> bool:
    """Return whether a run tries an idea of the agent's or a pin for the first time.

    Others are a baseline, a repeat, a confirmation, and a run for a verdict of the user's.
    """
    repeats = any(r.number < run.number and r.outcome is Outcome.FINISHED for r in experiment.runs)
    asked = experiment.origin is Origin.CONFIRM or experiment.forced is not None
    return not (experiment.is_baseline or repeats or asked)


def reference_run(
    session: Session, experiment: Experiment, run: Run
) -> tuple[Experiment, Run] | None:
    """Return the incumbent of an experiment, and its newest run finished before a run began.

    None where there was no incumbent, or none of its runs of the same epoch had finished.
    """
    if experiment.against is None or experiment.against > len(session.experiments):
        return None
    incumbent = session.experiment(experiment.against)
    finished = [
        r
        for r in incumbent.runs
        if r.outcome is Outcome.FINISHED and r.epoch == run.epoch
        if r.ended_at is not None and r.ended_at <= run.started_at
    ]
    return (incumbent, finished[-1]) if finished else None
