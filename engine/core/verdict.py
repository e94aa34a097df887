"""The keep rule, and what makes a reported measurement doubtful."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.core.config import ResearchConfig
from engine.core.enums import KeepRule, Verdict
from engine.core.events import Measurement

CLOCK_SLACK_SECONDS = 2.0
"""A run's own clock may start a moment before ours sees the process, and it rounds."""


@dataclass(frozen=True)
class KeepDecision:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str
    gain: float | None


def decide(
    config: ResearchConfig,
    measurement: Measurement,
    incumbent: float | None,
    *,
    doubts: tuple[str, ...] = (),
    lines_saved: int = 0,
) -> KeepDecision:
    """Whether an edit stays.

    Args:
        config: The rule, its threshold and the metric's direction.
        measurement: Of a run that finished.
        incumbent: The value to be beaten; None for the baseline, which is kept.
        doubts: What speaks against the measurement; any doubt discards.
        lines_saved: Lines removed minus lines added by the edit.
    """
    value = measurement.metric
    if not math.isfinite(value):
        return KeepDecision(Verdict.CRASH, f"{config.metric} is {value}", None)
    if doubts:
        gain = None if incumbent is None else config.direction.gain(value, incumbent)
        return KeepDecision(Verdict.DISCARD, f"not trusted: {'; '.join(doubts)}", gain)
    if incumbent is None:
        return KeepDecision(Verdict.KEEP, "the baseline", None)
    gain = config.direction.gain(value, incumbent)
    if not math.isfinite(gain):
        return KeepDecision(Verdict.DISCARD, "the difference is too large to be true", None)
    need = config.min_delta if config.rule is KeepRule.MIN_DELTA else 0.0
    if gain > 0 and gain >= need:
        return KeepDecision(Verdict.KEEP, f"better by {gain:.6g}", gain)
    if gain == 0 and lines_saved > 0:
        return KeepDecision(Verdict.KEEP, f"as good, with {lines_saved} fewer lines", gain)
    if gain > 0:
        return KeepDecision(
            Verdict.DISCARD, f"better by {gain:.6g}, less than the {need:.6g} asked for", gain
        )
    return KeepDecision(
        Verdict.DISCARD, "no better" if gain == 0 else f"worse by {-gain:.6g}", gain
    )


def find_doubts(
    measurement: Measurement,
    *,
    wall_seconds: float,
    summaries: int,
    distinct_values: int,
    changed_locked: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Compare what a run reported with what the engine saw.

    Args:
        measurement: What was reported.
        wall_seconds: How long the process lived by the engine's clock.
        summaries: How many summary blocks (`---`) the log has.
        distinct_values: How many different values the metric's lines show.
        changed_locked: Locked files whose content changed during the run.
    """
    doubts = [f"{name} was changed during the run" for name in changed_locked]
    for name, seconds in (
        ("training_seconds", measurement.training_seconds),
        ("total_seconds", measurement.total_seconds),
    ):
        if seconds is not None and seconds > wall_seconds + CLOCK_SLACK_SECONDS:
            doubts.append(
                f"{name} says {seconds:.1f} s, but the process lived {wall_seconds:.1f} s"
            )
    if summaries > 1 and distinct_values > 1:
        doubts.append(f"{summaries} summaries with {distinct_values} different values")
    return tuple(doubts)
