"""Judges one run of a candidate by the keep rule of a config."""

from __future__ import annotations

from engine.core.config import ResearchConfig
from engine.core.events import Measurement
from engine.core.keep_rule import RULES
from engine.core.keep_rule.trial import Trial
from engine.core.verdict import KeepDecision, decide


def decide_once(
    config: ResearchConfig,
    measurement: Measurement,
    incumbent: float | None,
    *,
    doubts: tuple[str, ...] = (),
    surprises: tuple[str, ...] = (),
    lines_saved: int = 0,
    runs: int = 1,
) -> KeepDecision:
    """Return the decision about a candidate after equal runs; None as incumbent: a baseline."""
    trial = None
    if incumbent is not None:
        values = (measurement.metric,)
        trial = Trial(config, values, (), incumbent, None, lines_saved)
    rule = RULES[config.rule]
    return decide(rule, trial, measurement, config, runs=runs, doubts=doubts, surprises=surprises)
