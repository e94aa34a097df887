"""Applies the keep rule to a measurement, and finds contradictions that make one doubtful."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.core.config import ResearchConfig
from engine.core.enums import KeepRule, Verdict
from engine.core.events import Measurement

CLOCK_SLACK_SECONDS = 2.0
"""Tolerated excess of a run's own reported seconds over the engine's, whose clock starts later."""


@dataclass(frozen=True)
class KeepDecision:
    """The keep rule's verdict with the sentence that explains it and the gain.

    `gain` is the gain over the incumbent in metric units, positive is better; None where unknown.
    """

    verdict: Verdict
    reason: str
    gain: float | None


def decide(
    config: ResearchConfig,
    measurement: Measurement,
    incumbent: float | None,
    *,
    doubts: tuple[str, ...] = (),
    surprises: tuple[str, ...] = (),
    lines_saved: int = 0,
) -> KeepDecision:
    """Decide by the keep rule whether a measured experiment is kept, discarded or a crash.

    Args:
        config: The research config with the rule, its threshold and the metric's direction.
        measurement: The figures of a run that finished.
        incumbent: The value to beat; None for the baseline, which is kept.
        doubts: Sentences why the measurement is not trusted; any doubt discards it.
        surprises: Sentences why only the user may keep it; it is discarded until they do.
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
    if gain > 0 and gain >= need and surprises:
        return KeepDecision(Verdict.DISCARD, f"held for you: {'; '.join(surprises)}", gain)
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
    log_rewritten: bool = False,
    used_instead: str = "",
) -> tuple[str, ...]:
    """Return contradictions between the figures a run reported and what the engine observed.

    Args:
        measurement: The reported figures.
        wall_seconds: Seconds from the process's start to its end, by the engine's clock.
        summaries: The number of summary blocks (`---`) in the log.
        distinct_values: The number of different values that these blocks give for the metric.
        changed_locked: Locked files whose content changed during the run.
        log_rewritten: Whether the run shortened or overwrote its log.
        used_instead: The file that the run used instead of the edited one; "" where it did not.

    Returns:
        One sentence for each contradiction; empty where there is none.
    """
    doubts = [f"{name} was changed during the run" for name in changed_locked]
    if log_rewritten:
        doubts.append("run.log was rewritten during the run (`> /dev/stdout` in a script does so)")
    if used_instead:
        doubts.append(f"the run used {used_instead}, and not the edited file")
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
