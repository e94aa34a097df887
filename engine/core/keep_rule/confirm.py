"""The rule `confirm`: a truncated sequential test of a candidate against the incumbent.

After each run of the candidate its mean is compared with the mean of the incumbent's fresh runs. A
gain that noise would hardly make smaller is a discard; one that noise would hardly make at all is
a keep, after two runs at the earliest; between these the candidate is run again until the budget
of repeats ends. docs/trust.md derives the bounds, `benchmarks/simulate_keep_rules.py` checks them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

from engine.core.config import ResearchConfig
from engine.core.keep_rule.trial import Judgement, Standing, Step, Trial, judge_without_gain
from engine.core.spread import Spread
from engine.core.student import t_quantile
from engine.core.text import plural

FRESH_AFTER_KEEP = 4
"""Number of fresh runs of a new incumbent before an experiment is compared with it."""
FRESH_EVERY = 13
"""Number of experiments after which the incumbent is run again, so that it follows a drift."""
NEWEST_FRESH = 10
"""Number of the incumbent's fresh runs, the newest ones, that a candidate is compared with."""
SIMPLER_MARGIN = 1.5
"""Loss in σ that an edit with fewer lines may have at most, with the error rate of a false keep."""
_DISCARD_FIRST = 0.23
"""Probability that noise alone makes a gain larger than the one below which the first run is a
discard.
"""
_LAST_SHARE = 2.05
"""The last bound's probability as a share of the false-keep rate.

It is above 1 because most keeps of noise are lost at the bounds before the last, and because an
incumbent whose runs came out too bad is soon replaced, while one with too good runs stays.
"""
_FEWEST_DIGITS = 5
"""Significant digits of a metric from which equal values mean that nothing is random."""


class Confirm:
    """The sequential test; see the module."""

    closes = True

    def judge(self, trial: Trial) -> Judgement:
        """Return whether a candidate is kept, discarded, or which run is to be made next."""
        config, spread = trial.config, trial.spread
        compared = trial.incumbent[-NEWEST_FRESH:]
        reference = fmean(compared) if compared else trial.incumbent_value
        gain = config.direction.gain(fmean(trial.candidate), reference)
        if spread is None or spread.degrees < 1 or not compared:
            return self._without_spread(trial, gain)
        if spread.sigma == 0:
            return _deterministic(trial, gain)
        runs, most = len(trial.candidate), stages(config) + trial.more_repeats
        score = score_of(trial, gain, spread, len(compared))
        ends = runs >= most
        low, high = bounds(config.false_keeps, runs, most, spread.degrees)
        if ends:  # what would be run again after a first run is not decided
            low, _ = bounds(config.false_keeps, 1, max(2, most), spread.degrees)
        half = spread.half_width(runs, len(compared))
        shown = f"{gain:+.3g} ± {half:.2g} over {plural(runs, 'run')}"
        if score > high:
            plain = gain / spread.standard_error(runs, len(compared)) > high
            saved = f"as good within noise ({shown}), with {trial.lines_saved} fewer lines"
            return Judgement(Step.KEEP, f"better by {shown}" if plain else saved, gain)
        if score < low:
            worse = "worse" if gain < 0 else "no better than noise:"
            return Judgement(Step.DISCARD, f"{worse} {shown}", gain)
        if ends:
            reason = f"indecisive: {shown} and no repeats left"
            return Judgement(Step.DISCARD, reason, gain, indecisive=True)
        step = Step.RUN_INCUMBENT if len(compared) < runs else Step.RUN_CANDIDATE
        return Judgement(step, f"in doubt: {shown}", gain)

    def baseline_runs(self, config: ResearchConfig) -> int:
        """Return the number of runs that the noise is first estimated from."""
        return 1 if config.max_experiments == 1 else config.calibrate

    def needs_incumbent(self, standing: Standing) -> bool:
        """Return True until the incumbent is measured well enough, and now and then after that."""
        fewest = standing.config.calibrate if standing.is_baseline else FRESH_AFTER_KEEP
        if standing.fresh < fewest:
            return True
        if standing.spread is not None and standing.spread.sigma == 0:
            return False
        return standing.since >= FRESH_EVERY

    def _without_spread(self, trial: Trial, gain: float) -> Judgement:
        """Judge while no noise is known: what looks better is run again until it is."""
        if gain <= 0 and trial.lines_saved <= 0:
            plain = judge_without_gain(gain, trial.lines_saved)
            return replace(plain, reason=f"{plain.reason}; the noise is not known yet")
        runs = len(trial.candidate)
        if runs >= stages(trial.config) + trial.more_repeats:
            reason = f"indecisive: {gain:+.6g}, the noise is not known and no repeats are left"
            return Judgement(Step.DISCARD, reason, gain, indecisive=True)
        step = Step.RUN_INCUMBENT if len(trial.incumbent) < runs else Step.RUN_CANDIDATE
        return Judgement(step, "in doubt: the noise is not known yet", gain)


def score_of(trial: Trial, gain: float, spread: Spread, compared: int) -> float:
    """Return a gain in its standard errors; for an edit with fewer lines, how far it is from worse.

    Args:
        trial: The candidate's runs, and the lines that its edit saves.
        gain: The gain of their mean in metric units, positive is better.
        spread: The noise of the metric; σ is above 0.
        compared: The number of runs of the incumbent.
    """
    margin = SIMPLER_MARGIN * spread.sigma if trial.lines_saved > 0 else 0.0
    return (gain + margin) / spread.standard_error(len(trial.candidate), compared)


def stages(config: ResearchConfig) -> int:
    """Return the largest number of runs of one candidate."""
    return 1 + config.repeats


def bounds(
    false_keeps: float, run: int, most: int, degrees: float = math.inf
) -> tuple[float, float]:
    """Return the two bounds of the test: below the first is a discard, above the second a keep.

    Both are for the gain divided by its standard error, in quantiles of Student's t.

    Args:
        false_keeps: The share of edits without an effect that may be kept.
        run: The number of the candidate's runs so far, from 1.
        most: The largest number of its runs.
        degrees: Degrees of freedom of σ.
    """
    last = min(0.45, _LAST_SHARE * false_keeps)
    first = max(_DISCARD_FIRST * math.sqrt(false_keeps / 0.025), 1.5 * last)
    done = (run - 1) / (most - 1) if most > 1 else 1.0
    discard = first * (last / first) ** (done**1.2)
    keep = last * (run / most) ** 2
    low = t_quantile(1 - min(0.5, discard), degrees)
    return low, math.inf if run == 1 < most else t_quantile(1 - keep, degrees)


def smallest_seen(spread: Spread, config: ResearchConfig, fresh: int = 3) -> float:
    """Return the smallest true gain, in metric units, that the test keeps four times in five.

    Args:
        spread: The noise of the metric; its upper bound counts.
        config: The rule's error rate and budget of repeats.
        fresh: The number of the incumbent's fresh runs.
    """
    most = stages(config)
    _, last = bounds(config.false_keeps, most, most, spread.degrees)
    power = t_quantile(0.8, spread.degrees)
    return (last + power) * replace(spread, sigma=spread.upper).standard_error(most, fresh)


def _deterministic(trial: Trial, gain: float) -> Judgement:
    """Judge where repeats gave exactly the same value: one run is enough.

    A value of few digits, such as an accuracy in percent, may be equal by chance: a repeat has to
    give it again.
    """
    if gain > 0:
        coarse = all(_digits(value) < _FEWEST_DIGITS for value in trial.candidate)
        if coarse and len(trial.candidate) < min(2, stages(trial.config)):
            return Judgement(Step.RUN_CANDIDATE, "in doubt: a value of few digits", gain)
        return Judgement(Step.KEEP, f"better by {gain:.6g}; repeats give equal values", gain)
    return judge_without_gain(gain, trial.lines_saved)


def _digits(value: float) -> int:
    """Return the number of significant digits that a value is printed with."""
    return len(repr(value).partition("e")[0].strip("-0.").replace(".", ""))
