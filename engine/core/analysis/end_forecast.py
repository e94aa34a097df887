"""Forecasts how many experiments a session still has until a stop condition ends it."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from engine.core.analysis.forecast import forecast
from engine.core.analysis.stop_conditions import time_limits
from engine.core.session import Session

_RECENT = 20
"""Number of latest experiments whose durations are used."""


class EndForecast(NamedTuple):
    """The stop condition that is expected first, of those of number and time."""

    label: str
    """The condition as text, such as `until 07:30`."""
    seconds: float | None
    """Seconds until then; None where no experiment is finished and the condition is not a time."""
    experiments: int | None
    """Further experiments until then, the one under way included; None where it is unknown."""
    dollars: float | None
    """What language models will cost until then; None where it is unknown."""


def seconds_per_experiment(session: Session) -> float | None:
    """Return the median time from one experiment's end to the next; None before the first."""
    ends = [
        (e.drafted_at, e.ended_at)
        for e in session.experiments[-_RECENT - 1 :]
        if e.ended_at is not None
    ]
    times = [(now - before).total_seconds() for (_, before), (_, now) in pairwise(ends)]
    times = times or [(ended - drafted).total_seconds() for drafted, ended in ends]
    usable = [time for time in times if time > 0]
    return median(usable) if usable else None


def end_forecast(session: Session, now: datetime) -> EndForecast | None:
    """Return the stop condition that is expected first; None without one of number or time.

    A target, and experiments without a keep, cannot be foreseen.

    Args:
        session: The session, which has not ended.
        now: The time of the machine's clock.
    """
    each, costs = seconds_per_experiment(session), forecast(session)
    found: list[EndForecast] = []
    if (most := session.config.max_experiments) is not None:
        left = max(0, most - session.counts.total)
        found.append(
            EndForecast(
                f"until {most} experiments", None if each is None else left * each, left, None
            )
        )
    for limit in time_limits(session):
        seconds = max(0.0, (limit.until - now).total_seconds())
        count = None if each is None else int(seconds / each)
        found.append(EndForecast(limit.text, seconds, count, None))
    if not found:
        return None
    first = min(found, key=lambda f: float("inf") if f.seconds is None else f.seconds)
    count, price = first.experiments, costs.dollars_per_experiment
    if count is not None and costs.experiments_left is not None:
        count = min(count, costs.experiments_left)
    dollars = None if count is None or price is None else count * price
    return first._replace(experiments=count, dollars=dollars)
