"""Applies the keep rule to a measurement, and finds contradictions that make one doubtful."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.core.config import ResearchConfig
from engine.core.enums import Verdict
from engine.core.events import Measurement
from engine.core.keep_rule.trial import KeepRule, Step, Trial

SURPRISE_RUNS = 3
"""Number of runs of a surprising result before the user is asked to keep it."""
CLOCK_SLACK_SECONDS = 2.0
"""Tolerated excess of a run's own reported seconds over the engine's, whose clock starts later."""


UNCOUNTED_FACTOR = 3.0
"""Multiple of the baseline's uncounted seconds up to which a run is not doubted.

The uncounted seconds are those of the process outside its reported training: start-up, compilation,
uncounted first steps, evaluation. The baseline usually compiles with the coldest caches, but a
larger model may compile and evaluate two or three times as long.
"""
UNCOUNTED_SLACK_SECONDS = 10.0
"""Excess of uncounted seconds over the baseline's that a busy machine's slow imports explain."""
UNCOUNTED_SHARE = 0.1
"""Excess of uncounted seconds as a share of the training seconds that would hardly help a run."""


@dataclass(frozen=True)
class KeepDecision:
    """The verdict on an experiment, or the run that is to be made before it."""

    verdict: Verdict | None
    """None where another run is made first."""
    reason: str
    gain: float | None
    """Gain over the incumbent in metric units, positive is better; None where unknown."""
    run_incumbent: bool = False
    """Without a verdict: True where the incumbent is to be run next, False for the candidate."""
    indecisive: bool = False
    """True for a discard for which the budget of repeats ended before the test decided."""


def decide(
    rule: KeepRule,
    trial: Trial | None,
    measurement: Measurement,
    config: ResearchConfig,
    *,
    runs: int = 1,
    doubts: tuple[str, ...] = (),
    surprises: tuple[str, ...] = (),
) -> KeepDecision:
    """Decide by the keep rule whether a measured experiment is kept, discarded or run again.

    Args:
        rule: The keep rule of the session.
        trial: The runs that the rule judges by; None for the baseline, which is kept.
        measurement: The figures of the last run, which finished.
        config: The research config with the metric's name.
        runs: The number of runs of the experiment that gave a value.
        doubts: Sentences why the measurement is not trusted; any doubt discards it.
        surprises: Sentences why only the user may keep it; it is run again twice, and discarded
            until they do.
    """
    value = measurement.metric
    if not math.isfinite(value):
        return KeepDecision(Verdict.CRASH, f"{config.metric} is {value}", None)
    if doubts:
        gain = None if trial is None else config.direction.gain(value, trial.incumbent_value)
        return KeepDecision(Verdict.DISCARD, f"not trusted: {'; '.join(doubts)}", gain)
    if trial is None:
        again = runs < rule.baseline_runs(config)
        return KeepDecision(None if again else Verdict.KEEP, "the baseline", None)
    if not math.isfinite(config.direction.gain(value, trial.incumbent_value)):
        return KeepDecision(Verdict.DISCARD, "the difference is too large to be true", None)
    judged = rule.judge(trial)
    match judged.step:
        case Step.KEEP if surprises and judged.gain > 0 and runs < SURPRISE_RUNS:
            return KeepDecision(None, f"run again: {'; '.join(surprises)}", judged.gain)
        case Step.KEEP if surprises and judged.gain > 0:
            reason = f"held for you: {'; '.join(surprises)}"
            return KeepDecision(Verdict.DISCARD, reason, judged.gain)
        case Step.KEEP:
            return KeepDecision(Verdict.KEEP, judged.reason, judged.gain)
        case Step.DISCARD:
            return KeepDecision(
                Verdict.DISCARD, judged.reason, judged.gain, indecisive=judged.indecisive
            )
        case Step.RUN_CANDIDATE | Step.RUN_INCUMBENT:
            incumbent = judged.step is Step.RUN_INCUMBENT
            return KeepDecision(None, judged.reason, judged.gain, run_incumbent=incumbent)


def decide_breach(
    config: ResearchConfig,
    measurement: Measurement,
    incumbent: float | None,
    breaches: tuple[str, ...],
) -> KeepDecision | None:
    """Discard a measured experiment that breaks a guardrail; return None where it is left to the
    keep rule.

    Args:
        config: The research config with the metric's direction.
        measurement: The figures of a run that finished.
        incumbent: The value to beat; None for the baseline, which no guardrail discards.
        breaches: The guardrails that the run breaks, each as a clause.
    """
    if incumbent is None or not breaches or not math.isfinite(measurement.metric):
        return None
    gain = config.direction.gain(measurement.metric, incumbent)
    better = f"better by {gain:.6g}, but " if gain > 0 else ""
    return KeepDecision(Verdict.DISCARD, f"{better}{'; '.join(breaches)}", gain)


def find_doubts(
    measurement: Measurement,
    *,
    wall_seconds: float,
    summaries: int,
    distinct_values: int,
    changed_locked: tuple[str, ...] = (),
    log_rewritten: bool = False,
    used_instead: str = "",
    process_seconds: float = 0.0,
    baseline_uncounted: float | None = None,
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
        process_seconds: Seconds that the process lived, without those of a suspended machine.
        baseline_uncounted: The baseline's uncounted seconds; None where they are unknown.

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
    uncounted = uncounted_seconds(measurement, process_seconds)
    if uncounted is not None and baseline_uncounted is not None:
        excess = uncounted - baseline_uncounted
        most = max(
            (UNCOUNTED_FACTOR - 1) * baseline_uncounted,
            UNCOUNTED_SLACK_SECONDS,
            UNCOUNTED_SHARE * (measurement.training_seconds or 0.0),
        )
        if excess > most:
            doubts.append(
                f"{uncounted:.1f} s of the process are not in its training_seconds, the baseline's "
                f"were {baseline_uncounted:.1f} s: it may have trained outside of the counted time"
            )
    if summaries > 1 and distinct_values > 1:
        doubts.append(f"{summaries} summaries with {distinct_values} different values")
    return tuple(doubts)


def uncounted_seconds(measurement: Measurement, process_seconds: float) -> float | None:
    """Return the seconds of a process outside its reported training; None if it reports none.

    Args:
        measurement: The figures that the run reported.
        process_seconds: Seconds that the process lived.
    """
    trained = measurement.training_seconds
    return None if trained is None else max(0.0, process_seconds - trained)
