"""States why a run repeats an experiment, and which of the planned runs it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.core.enums import RunPurpose
from engine.core.keep_rule import RULES
from engine.core.keep_rule.confirm import stages
from engine.core.keep_rule.from_session import trial_of
from engine.core.keep_rule.trial import Judgement, Step
from engine.core.records import Experiment, Run
from engine.core.session import Session


class RepeatReason(StrEnum):
    """Why an experiment is run more than once."""

    CALIBRATION = "calibration"
    """The baseline, to estimate how much runs of the same code differ."""
    IN_DOUBT = "in doubt"
    """A candidate whose gain may be noise."""
    INCUMBENT = "incumbent"
    """The incumbent, to compare with."""
    CLOSING = "closing"
    """The baseline and the final version, for the gain of the whole session."""


@dataclass(frozen=True)
class RepeatedRun:
    """A run's place among the runs that are made for the same reason."""

    experiment: int
    reason: RepeatReason
    place: int
    """Its number among them, from 1; runs without a value are not counted."""
    most: int
    """The largest number of them; 0 where that is not known."""


def repeated_run_now(session: Session) -> RepeatedRun | None:
    """Return the place of the run that trains now; None for an experiment's only run so far."""
    one, run = session.in_training, session.running
    return None if one is None or run is None else repeated_run(session, one, run)


def repeated_run(session: Session, experiment: Experiment, run: Run) -> RepeatedRun | None:
    """Return a run's place among the repeats; None for the first run of a candidate.

    Args:
        session: The session as of that run, or later.
        experiment: The experiment that is run.
        run: One of its runs.
    """
    place = 1 + _valued_before(experiment, run)
    config, rule = session.config, RULES.get(session.config.rule)
    match run.purpose:
        case RunPurpose.FRESH:
            return RepeatedRun(experiment.number, RepeatReason.INCUMBENT, place, 0)
        case RunPurpose.CLOSING:
            others = [e for e in session.experiments if e.number != experiment.number]
            place += sum(_valued_before(e, run) for e in others)
            most = 2 * config.closing
            return RepeatedRun(experiment.number, RepeatReason.CLOSING, place, max(place, most))
        case RunPurpose.TRIAL if experiment.is_baseline:
            most = rule.baseline_runs(config) if rule is not None else 0
            if place == 1 and most < 2:
                return None
            return RepeatedRun(1, RepeatReason.CALIBRATION, place, most and max(place, most))
        case _ if place == 1:
            return None
        case _:
            most = stages(config) if rule is not None else 0
            number = experiment.number
            return RepeatedRun(number, RepeatReason.IN_DOUBT, place, most and max(place, most))


def doubt_about(session: Session, experiment: Experiment) -> Judgement | None:
    """Return what the keep rule says about a candidate that it wants to be run again.

    None where it has decided, where nothing is measured, and for the rule of another package.
    """
    rule, trial = RULES.get(session.config.rule), trial_of(session, experiment)
    if rule is None or trial is None or experiment.is_baseline or experiment.verdict is not None:
        return None
    if experiment.doubts or experiment.breaches:
        return None
    judged = rule.judge(trial)
    return judged if judged.step in (Step.RUN_CANDIDATE, Step.RUN_INCUMBENT) else None


def _valued_before(experiment: Experiment, run: Run) -> int:
    """Return how many runs of an experiment with the run's purpose gave a value before it."""
    return sum(
        r.metric is not None
        and not r.doubted
        and r.purpose is run.purpose
        and (r.number < run.number if run in experiment.runs else r.started_at < run.started_at)
        and (r.purpose is not RunPurpose.CLOSING or r.after == run.after)
        and (r.purpose is not RunPurpose.TRIAL or r.number > experiment.revised_after)
        for r in experiment.runs
    )
