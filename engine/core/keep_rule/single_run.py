"""The rules that decide by a candidate's first run alone: greedy and min_delta."""

from __future__ import annotations

from statistics import fmean

from engine.core.config import ResearchConfig
from engine.core.keep_rule.trial import Judgement, Standing, Step, Trial, judge_without_gain


class SingleRun:
    """Keeps a candidate that is better than the incumbent by a smallest gain.

    Args:
        by_min_delta: Whether the gain must reach the config's `min_delta`; else any gain is enough.
    """

    closes = False

    def __init__(self, by_min_delta: bool) -> None:
        self._by_min_delta = by_min_delta

    def judge(self, trial: Trial) -> Judgement:
        """Return a keep or a discard; several runs, as of a surprising result, count as one."""
        gain = trial.config.direction.gain(fmean(trial.candidate), trial.incumbent_value)
        need = trial.config.min_delta if self._by_min_delta else 0.0
        if gain > 0 and gain >= need:
            return Judgement(Step.KEEP, f"better by {gain:.6g}", gain)
        if gain > 0:
            return Judgement(
                Step.DISCARD, f"better by {gain:.6g}, less than the {need:.6g} asked for", gain
            )
        return judge_without_gain(gain, trial.lines_saved)

    def baseline_runs(self, config: ResearchConfig) -> int:
        """Return 1: the baseline's value stands as it is."""
        return 1

    def needs_incumbent(self, standing: Standing) -> bool:
        """Return False: the value that the incumbent was kept for stands."""
        return False
