"""Finds the stop conditions of a session that are reached, and formats them as text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from engine.core.analysis.plateau import experiments_since_keep
from engine.core.config import ResearchConfig
from engine.core.end_time import end_time_text, parse_end_time
from engine.core.session import Session
from engine.core.text import duration, one_line, plural

STOP_CONDITIONS = ("max_experiments", "until", "for_seconds", "target", "patience")
"""Names of the settings that end a session."""


class TimeLimit(NamedTuple):
    """A moment at which the session is to end."""

    since: datetime
    """When the limit was set: the session was started, continued or given another limit."""
    until: datetime
    text: str
    """The limit as text, such as `until 07:30`."""


def time_limits(session: Session) -> tuple[TimeLimit, ...]:
    """Return the moments at which a session is to end, by `until` and `for_seconds`."""
    config, since = session.config, session.limits_since
    if since is None:
        return ()
    limits: list[TimeLimit] = []
    if (at := parse_end_time(config.until)) is not None:
        limits.append(TimeLimit(since, at, f"until {end_time_text(at, since)}"))
    if config.for_seconds is not None:
        at = since + timedelta(seconds=config.for_seconds)
        limits.append(TimeLimit(since, at, f"for {duration(config.for_seconds)}"))
    return tuple(limits)


def target_reached(session: Session, target: float | None) -> bool:
    """Return whether the best value is as good as a target, or better."""
    best = session.best_metric
    return target is not None and best is not None and session.direction.gain(best, target) >= 0


def experiments_without_keep(session: Session) -> int:
    """Return the experiments in a row without a keep that count for `patience`."""
    return experiments_since_keep(session, session.limits_after)


def why_to_end(session: Session) -> str:
    """Return which stop condition is reached between two experiments, time aside; "" for none."""
    config, best = session.config, session.best_metric
    if session.is_used_up:
        return f"all {config.max_experiments} experiments are done"
    if target_reached(session, config.target):
        name = one_line(config.metric, 60)
        return f"the target {config.target:.9g} is reached: {name} is {best:.9g}"
    if config.patience is not None and experiments_without_keep(session) >= config.patience:
        return f"{plural(config.patience, 'experiment')} in a row brought no keep"
    return ""


def has_room(session: Session, number: int) -> bool:
    """Return whether experiment `number` will begin where all before it bring no keep."""
    config = session.config
    if config.max_experiments is not None and number > config.max_experiments:
        return False
    without = experiments_without_keep(session) + number - 1 - session.finished
    return config.patience is None or without < config.patience


def flags_to_continue(session: Session) -> str:
    """Return the flags without which a session that ended would end again at once; "" for none."""
    config, flags = session.config, []
    if session.is_used_up:
        flags.append(f"--max {session.suggested_limit}")
    if target_reached(session, config.target):
        flags.append("--target none")
    at = parse_end_time(config.until)
    if at is not None and at <= session.at:
        flags.append("--until none")
    return " ".join(flags)


def conditions_text(config: ResearchConfig) -> str:
    """Return all stop conditions of a config as text; "" where it has none."""
    parts = []
    if config.max_experiments is not None:
        parts.append(f"after {plural(config.max_experiments, 'experiment')}")
    if (at := parse_end_time(config.until)) is not None:
        parts.append(f"at {end_time_text(at)}")
    if config.for_seconds is not None:
        parts.append(f"after {duration(config.for_seconds)}")
    if config.target is not None:
        parts.append(f"at {config.metric} {config.target:.9g}")
    if config.patience is not None:
        parts.append(f"after {plural(config.patience, 'experiment')} in a row without a keep")
    return ", or ".join(parts)
