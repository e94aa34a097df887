"""Gives a keep rule the runs of a session: those of a candidate, the incumbent, and their noise."""

from __future__ import annotations

import math

from engine.core.config import GREEDY, MIN_DELTA
from engine.core.enums import Origin, RunPurpose, Verdict
from engine.core.keep_rule.trial import Standing, Trial
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import Spread, pooled_spread


def trial_of(session: Session, experiment: Experiment) -> Trial | None:
    """Return the runs by which an experiment is judged; None where there is no incumbent.

    None too where the experiment has no value that counts.
    """
    best, values = session.best, experiment.values(RunPurpose.TRIAL)
    earlier: tuple[float, ...] = ()
    if continues_test(session, experiment):
        same = [e for e in session.experiments if experiment.of in (e.number, e.of)]
        before = [e for e in same if e.number < experiment.number and not e.doubts]
        earlier = tuple(v for e in before for v in e.values(RunPurpose.TRIAL))
    if best is None or best.value is None or session.is_best_outdated or not values:
        return None
    proposal = experiment.proposal
    return Trial(
        config=session.config,
        candidate=earlier + values,
        incumbent=best.fresh,
        incumbent_value=best.value,
        spread=spread_of(session),
        lines_saved=proposal.removed - proposal.added,
        more_repeats=len(earlier),
    )


def continues_test(session: Session, experiment: Experiment) -> bool:
    """Return whether a confirmation goes on with the test of a discarded edit, and may keep it.

    That needs a rule that repeats runs, and the same version to compare with as then.
    """
    if experiment.origin is not Origin.CONFIRM or session.config.rule in (GREEDY, MIN_DELTA):
        return False
    of = session.experiment(experiment.of)
    discarded = of.verdict is Verdict.DISCARD and of.effective_verdict is Verdict.DISCARD
    return discarded and not of.doubted and of.base == session.frontier


def standing_of(session: Session) -> Standing | None:
    """Return how well the incumbent is measured; None before a kept baseline."""
    best = session.best
    if best is None:
        return None
    fresh = [r for r in best.runs if r.purpose is RunPurpose.FRESH and r.metric is not None]
    newest = fresh[-1].after if fresh else best.number
    return Standing(
        config=session.config,
        is_baseline=best.is_baseline,
        fresh=len(best.fresh),
        since=max(0, len(session.experiments) - newest),
        spread=spread_of(session),
    )


def closing_values(session: Session, experiment: Experiment) -> tuple[float, ...]:
    """Return the values of an experiment's closing runs since the newest experiment."""
    runs = (
        r
        for r in experiment.runs
        if r.purpose is RunPurpose.CLOSING and r.epoch == session.epoch and not r.doubted
    )
    now = len(session.experiments)
    return tuple(r.metric for r in runs if r.after == now and r.metric is not None)


def spread_of(*sessions: Session) -> Spread | None:
    """Return the noise of the metric, pooled over sessions; None if no commit was run twice."""
    return pooled_spread(values for session in sessions for values in _unselected(session).values())


def _unselected(session: Session) -> dict[str, list[float]]:
    """Return by commit the values that show how much its runs differ in the present epoch.

    The run that a candidate was first judged by is left out: it was repeated because its value was
    good, so that it is further from the repeats than chance.
    """
    groups: dict[str, list[float]] = {}
    for e in session.experiments:
        if not e.commit or e.verdict is None or e.verdict is Verdict.CRASH or e.doubted:
            continue
        if e.epoch != session.epoch:
            continue
        whole = e.is_baseline or e.origin is Origin.CONFIRM
        if not whole and len(e.runs) < 2:
            continue
        trial = e.values(RunPurpose.TRIAL)
        values = [
            *(trial if whole else trial[1:]),
            *e.values(RunPurpose.FRESH),
            *e.values(RunPurpose.CLOSING),
        ]
        groups.setdefault(e.commit, []).extend(v for v in values if math.isfinite(v))
    return groups
