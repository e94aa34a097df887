"""Which experiments a table shows, and in which order. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.words import Direction, Verdict


class Sort(StrEnum):
    """In which order the rows stand."""

    NUMBER = "by number"
    METRIC = "by metric"
    GAIN = "by gain"
    TIME = "by time"


class Filter(StrEnum):
    """Which rows are shown."""

    ALL = "all"
    KEPT = "kept only"
    DISCARDED = "discarded only"
    CRASHED = "crashed only"


_FILTERED = {
    Filter.KEPT: Verdict.KEEP,
    Filter.DISCARDED: Verdict.DISCARD,
    Filter.CRASHED: Verdict.CRASH,
}


def order_of(session: Session, sort: Sort, only: Filter) -> Sequence[int]:
    """Indices of the experiments to show: by number the newest last, else the best first."""
    experiments = session.experiments
    if only is Filter.ALL:
        shown: Sequence[int] = range(len(experiments))
    else:
        wanted = _FILTERED[only]
        shown = [index for index, e in enumerate(experiments) if e.standing is wanted]
    if sort is Sort.NUMBER:
        return shown
    sign = 1.0 if session.direction is Direction.MIN else -1.0
    keys: dict[Sort, Callable[[Experiment], float | None]] = {
        Sort.METRIC: lambda e: (
            sign * e.measurement.metric
            if e.measurement is not None and e.standing is not Verdict.CRASH
            else None
        ),
        Sort.GAIN: lambda e: -e.gain if e.gain is not None else None,
        Sort.TIME: lambda e: -s if (s := seconds_of(e)) is not None else None,
    }
    key = keys[sort]
    last = math.inf

    def rank(index: int) -> tuple[float, int]:
        value = key(experiments[index])
        return (last if value is None or value != value else value, index)

    return sorted(shown, key=rank)


def seconds_of(experiment: Experiment) -> float | None:
    """How long the runs of an experiment took, as far as they ended."""
    ended = [run.seconds for run in experiment.runs if run.outcome is not None]
    return sum(ended) if ended else None
