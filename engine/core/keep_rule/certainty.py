"""States how certain a session's gains are: their intervals, and the smallest gain to be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from msgspec.structs import replace

from engine.core.config import CONFIRM, ResearchConfig
from engine.core.enums import RunPurpose
from engine.core.keep_rule.confirm import smallest_seen, stages
from engine.core.keep_rule.from_session import closing_values
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import Spread

_FEWEST_FRESH = 3
_DIFFERING_SHARE = 0.1
"""Range of the baseline's runs, as a share of their mean, above which the user is warned."""
_COARSE_RUNS = 8
"""Number of runs from which the number of distinct values says something about the metric."""
_COARSE_VALUES = 3


@dataclass(frozen=True)
class Difference:
    """The gain of one experiment over another, as the difference of two means."""

    gain: float
    """The difference in metric units, positive is better."""
    half_width: float | None
    """Half the width of its 95 % interval; None while σ is not known."""
    runs: int
    """Number of runs of the newer experiment."""
    runs_before: int
    """Number of runs of the experiment that it is compared with."""


@dataclass(frozen=True)
class Resolution:
    """The smallest gains that the keep rule sees four times in five, in metric units."""

    gain: float
    more_repeats: int
    """A larger budget of repeats to compare with."""
    gain_with_more: float
    """The smallest gain with that budget."""


def runs_behind(experiment: Experiment) -> int:
    """Return the number of runs whose mean is the experiment's value; 0 without a measurement."""
    if experiment.measurement is None:
        return 0
    return max(1, len(experiment.fresh) or len(experiment.values(RunPurpose.TRIAL)))


def noise_key(session: Session) -> tuple[object, ...]:
    """Return what changes whenever the noise or the incumbent's gain does, cheap to compare."""
    best, first = session.best, session.experiments[0] if session.experiments else None
    current = session.current
    return (
        *(session.started_at, session.counts, session.incumbent, session.pending_overrules),
        *(session.epoch, session.repeating, session.held_numbers, session.config.metric),
        None if best is None else (best.run_count, best.value),
        None if first is None else first.run_count,
        None if current is None else current.measurement,
    )


def total_difference(session: Session, spread: Spread | None) -> Difference | None:
    """Return the incumbent's gain over the baseline; None before another one than that is kept.

    In a later evaluation epoch the first incumbent of that epoch stands for the baseline; it counts
    as one run, which makes the interval rather too wide.

    Args:
        session: The session.
        spread: The noise of the metric, from `spread_of`.
    """
    best, baseline, gain = session.best, session.baseline, session.total_gain
    if best is None or baseline is None or gain is None or best.is_baseline:
        return None
    before = runs_behind(baseline) if baseline.epoch == session.epoch else 1
    return _difference(gain, spread, runs_behind(best), before)


def closing_difference(session: Session, spread: Spread | None) -> Difference | None:
    """Return the final version's gain over the baseline by the closing runs; None without them.

    Args:
        session: The session.
        spread: The noise of the metric, from `spread_of`.
    """
    best, baseline = session.best, session.baseline
    if best is None or baseline is None or best.is_baseline:
        return None
    after, before = closing_values(session, best), closing_values(session, baseline)
    if not after or not before:
        return None
    gain = session.direction.gain(fmean(after), fmean(before))
    return _difference(gain, spread, len(after), len(before))


def _difference(gain: float, spread: Spread | None, runs: int, before: int) -> Difference:
    half = spread.half_width(runs, before) if spread is not None and spread.is_known else None
    return Difference(gain, half, runs, before)


def resolution(spread: Spread | None, config: ResearchConfig) -> Resolution | None:
    """Return the smallest gains that can be seen; None for other rules, or while σ is not known.

    Args:
        spread: The noise of the metric.
        config: The research config with the rule, its error rate and its budget of repeats.
    """
    if config.rule != CONFIRM or spread is None or not spread.is_known:
        return None
    more = max(3, 2 * config.repeats)
    gains = []
    for repeats in (config.repeats, more):
        budget = replace(config, repeats=repeats)
        # The incumbent is run in alternation, and so nearly as often as the candidate.
        gains.append(smallest_seen(spread, budget, max(_FEWEST_FRESH, stages(budget) - 1)))
    return Resolution(gains[0], more, gains[1])


def calibration_warning(session: Session) -> str:
    """Return that the baseline's runs differ by more than a tenth of their mean, and what it means.

    "" where they do not.
    """
    if not session.experiments:
        return ""
    values = session.experiments[0].values(RunPurpose.TRIAL)
    if len(values) < 2:
        return ""
    span, size = max(values) - min(values), abs(fmean(values))
    if span <= _DIFFERING_SHARE * size:
        return ""
    share = f" ({span / size:.0%} of their mean)" if size else ""
    return (
        f"the {len(values)} runs of the baseline differ by {span:.4g}{share}: only gains of that "
        "size can be told from noise. Look for a seed that is not fixed, another process on the "
        "device, or a budget too short for the metric to settle"
    )


def coarse_metric(session: Session) -> str:
    """Return that the metric has only a few distinct values, as a sentence; "" where it has more.

    Also "" before there are enough runs to tell.
    """
    values = [
        run.metric
        for experiment in session.experiments
        for run in experiment.runs
        if run.metric is not None and math.isfinite(run.metric)
    ]
    distinct = len(set(values))
    if len(values) < _COARSE_RUNS or distinct > _COARSE_VALUES:
        return ""
    name = session.config.metric
    if distinct == 1:
        return f"All {len(values)} runs gave the same {name}: no edit so far has an effect on it."
    return (
        f"{name} had only {distinct} distinct values in {len(values)} runs, so that σ and ± are "
        "rough: print it with more digits, or evaluate on more items."
    )
