"""Judges the keeps of a night again, by another keep rule or another σ, from the runs there are.

Each keep is compared with the keep before it, as an edit on top of it. Where both were run once,
the difference has an error of √2 σ, and the rule `confirm` would have made more runs: such a keep
stands only if its gain already passes the largest bound at which `confirm` keeps one, the bound
after two runs. docs/what-if.md derives this and says what it leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from statistics import fmean

from engine.core.config import ResearchConfig
from engine.core.keep_rule import RULES
from engine.core.keep_rule.confirm import NEWEST_FRESH, bounds, score_of, stages
from engine.core.keep_rule.trial import Step, Trial
from engine.core.spread import CONFIDENCE, Spread
from engine.core.student import t_quantile

MOST_SIZE = 1e150
"""A metric of at least this size is left out: its square is not a number."""


class Fate(StrEnum):
    """What would have become of a keep."""

    STANDS = "stands"
    REPEATED = "repeated"
    """It would have been run again: whether it stands cannot be told from the runs there are."""
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Kept:
    """A kept edit, or the baseline, with the values of the runs of its commit."""

    number: int
    """The number of its experiment, or of its row in the table."""
    values: tuple[float, ...]
    """The values of its runs, oldest first; at least one."""
    lines_saved: int = 0
    """Lines that the edit removes minus lines that it adds; 0 where that is not recorded."""

    @property
    def later(self) -> tuple[float, ...]:
        """The values that the next keep is compared with: those after the one it was kept for.

        That one is likely too good. It counts where there is no other.
        """
        return (self.values[1:] or self.values)[-NEWEST_FRESH:]


@dataclass(frozen=True)
class Judged:
    """A keep, and what would have become of it."""

    number: int
    gain: float
    """Gain over the keep before it in metric units, positive is better."""
    half_width: float | None
    """Half width of the 95 % interval of the gain; None where σ is unknown."""
    runs: int
    """The number of runs of its commit that the judgement is from."""
    fate: Fate


@dataclass(frozen=True)
class WhatIf:
    """The keeps of a night under a keep rule and a σ."""

    config: ResearchConfig
    """The config with the rule, its settings and the metric's direction."""
    spread: Spread | None
    """σ; None where it is unknown."""
    keeps: tuple[Kept, ...]
    """The baseline and all keeps, oldest first."""
    judged: tuple[Judged, ...]
    """The keeps after the baseline."""

    @cached_property
    def fates(self) -> dict[int, Fate]:
        """The fates of the keeps after the baseline, by number."""
        return {each.number: each.fate for each in self.judged}

    def count(self, fate: Fate) -> int:
        """Return the number of keeps with a fate."""
        return sum(each.fate is fate for each in self.judged)

    def gain(self, *fates: Fate) -> float:
        """Return the sum of the gains of all keeps with these fates, in metric units."""
        return math.fsum(each.gain for each in self.judged if each.fate in fates)

    def half_width(self, *fates: Fate) -> float | None:
        """Return the half width of the 95 % interval of `gain`; None where σ is unknown.

        A keep's value is part of two gains, once with each sign: where both are in the sum, it
        cancels. The interval does not know that the keeps were selected by their values.
        """
        if self.spread is None:
            return None
        counted = [each.fate in fates for each in self.judged]
        squares = 0.0
        for kept, own, after in zip(self.keeps, [False, *counted], [*counted, False], strict=True):
            first, others = len(kept.values), len(kept.later)
            for index in range(first):
                share = 1 / others if after and index >= first - others else 0.0
                share -= 1 / first if own else 0.0
                squares += share * share
        quantile = t_quantile((1 + CONFIDENCE) / 2, self.spread.degrees)
        return quantile * self.spread.sigma * math.sqrt(squares)


def known_spread(sigma: float) -> Spread:
    """Return a σ that the user gave, which counts as known."""
    return Spread(sigma, math.inf)


def what_if(keeps: Sequence[Kept], config: ResearchConfig, spread: Spread | None) -> WhatIf:
    """Judge the keeps of a night by the rule of a config.

    Args:
        keeps: The baseline and all keeps, oldest first.
        config: The config with the rule, its settings and the metric's direction.
        spread: σ of a single run; None where it is unknown.
    """
    judged = [_judge(kept, before, config, spread) for before, kept in pairwise(keeps)]
    return WhatIf(config, spread, tuple(keeps), tuple(judged))


def _judge(kept: Kept, before: Kept, config: ResearchConfig, spread: Spread | None) -> Judged:
    runs, compared = len(kept.values), before.later
    reference = fmean(compared)
    trial = Trial(
        config=config,
        candidate=kept.values,
        incumbent=compared,
        incumbent_value=reference,
        spread=spread,
        lines_saved=kept.lines_saved,
        more_repeats=max(0, runs - stages(config)),
    )
    gain = config.direction.gain(fmean(kept.values), reference)
    match RULES[config.rule].judge(trial).step:
        case Step.KEEP:
            fate = Fate.STANDS
        case Step.DISCARD:
            fate = Fate.DISCARDED
        case Step.RUN_CANDIDATE | Step.RUN_INCUMBENT:
            fate = Fate.STANDS if runs == 1 and _is_clear(trial, gain) else Fate.REPEATED
    half_width = None if spread is None else spread.half_width(runs, len(compared))
    return Judged(kept.number, gain, half_width, runs, fate)


def _is_clear(trial: Trial, gain: float) -> bool:
    """Return whether the gain of a single run passes the largest bound of a keep."""
    spread, config = trial.spread, trial.config
    if spread is None or not spread.sigma:
        return False
    score = score_of(trial, gain, spread, len(trial.incumbent))
    return score > clear_bound(config, spread.degrees)


def clear_bound(config: ResearchConfig, degrees: float = math.inf) -> float:
    """Return the gain, in its standard errors, above which a keep of one run stands.

    Args:
        config: The config with the rule's error rate and budget of repeats.
        degrees: Degrees of freedom of σ.
    """
    return bounds(config.false_keeps, 2, max(2, stages(config)), degrees)[1]


def coarse_step(values: Sequence[float]) -> tuple[int, float] | None:
    """Return how many distinct values a metric has and their smallest distance; None if many.

    Few are three, or a tenth of all.
    """
    distinct = sorted(set(values))
    if not 2 <= len(distinct) <= max(3, len(values) // 10) or len(values) < 4:
        return None
    return len(distinct), min(b - a for a, b in pairwise(distinct))
