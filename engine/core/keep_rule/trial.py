"""Declares what a keep rule is given and what it answers: the interface of all keep rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from engine.core.config import ResearchConfig
from engine.core.spread import Spread


class Step(StrEnum):
    """What is to be done with a measured candidate."""

    KEEP = "keep"
    DISCARD = "discard"
    RUN_CANDIDATE = "run candidate"
    """The candidate is run again before it is judged."""
    RUN_INCUMBENT = "run incumbent"
    """The incumbent is run again before the candidate is judged."""


@dataclass(frozen=True)
class Trial:
    """The runs by which a candidate is judged. No value is NaN or infinite."""

    config: ResearchConfig
    candidate: tuple[float, ...]
    """Values of the metric of the candidate's runs, oldest first; at least one."""
    incumbent: tuple[float, ...]
    """Values of the incumbent's fresh runs, oldest first: those made after it was kept."""
    incumbent_value: float
    """The value that the incumbent is known by: the mean of its fresh runs, else of its first."""
    spread: Spread | None
    """The noise of the metric; None where nothing was run twice."""
    lines_saved: int = 0
    """Lines that the edit removes minus lines that it adds."""
    more_repeats: int = 0
    """Repeats that the user granted beyond the config's."""


@dataclass(frozen=True)
class Judgement:
    """The answer of a keep rule about a candidate."""

    step: Step
    reason: str
    """Why, as the results table and the screens show it."""
    gain: float
    """Gain over the incumbent in metric units, positive is better."""
    indecisive: bool = False
    """True for a discard for which the budget of repeats ended before the test decided."""


def judge_without_gain(gain: float, lines_saved: int) -> Judgement:
    """Return the answer about a candidate that is not better, where its value counts as it is.

    Args:
        gain: Gain over the incumbent in metric units, not above 0.
        lines_saved: Lines that the edit removes minus lines that it adds.
    """
    if gain == 0 and lines_saved > 0:
        return Judgement(Step.KEEP, f"as good, with {lines_saved} fewer lines", gain)
    return Judgement(Step.DISCARD, "no better" if gain == 0 else f"worse by {-gain:.6g}", gain)


@dataclass(frozen=True)
class Standing:
    """How well the incumbent is measured, between two experiments."""

    config: ResearchConfig
    is_baseline: bool
    fresh: int
    """Number of the incumbent's fresh runs."""
    since: int
    """Number of experiments that ended since the incumbent's newest fresh run."""
    spread: Spread | None


class KeepRule(Protocol):
    """A rule by which measured edits are kept. It has no state of its own."""

    closes: bool
    """Whether the baseline and the final version are run again at the end of a session."""

    def judge(self, trial: Trial) -> Judgement:
        """Return what is to be done with a measured candidate."""
        ...

    def baseline_runs(self, config: ResearchConfig) -> int:
        """Return how often the baseline is run before the first edit is compared with it."""
        ...

    def needs_incumbent(self, standing: Standing) -> bool:
        """Return whether the incumbent is to be run before the next experiment begins."""
        ...
