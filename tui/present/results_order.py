"""Sorts and filters the rows of the results table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from engine.core.enums import Direction, Verdict
from engine.core.imported_attempt import PastAttempt
from engine.core.records import Experiment
from engine.core.session import Session


class Sort(StrEnum):
    """The order of the rows in the results table; `TIME` puts the longest experiment first."""

    NUMBER = "by number"
    METRIC = "by metric"
    GAIN = "by gain"
    TIME = "by time"


class Filter(StrEnum):
    """The verdict whose experiments and attempts the results table shows."""

    ALL = "all"
    KEPT = "kept only"
    DISCARDED = "discarded only"
    CRASHED = "crashed only"

    def shows(self, verdict: Verdict | None) -> bool:
        """Return whether the filter shows a row with this verdict in force (None: without one)."""
        return self is Filter.ALL or verdict is _FILTERED[self]


_FILTERED = {
    Filter.KEPT: Verdict.KEEP,
    Filter.DISCARDED: Verdict.DISCARD,
    Filter.CRASHED: Verdict.CRASH,
}


def order_of(session: Session, sort: Sort, only: Filter) -> Sequence[int]:
    """Return the indices of the rows to show: by number the newest last, else the best first.

    An experiment's index begins at 0. An imported attempt has its negative index in `session.past`,
    so that all rows by number are one range.

    Args:
        session: The session whose experiments and imported attempts are the rows.
        sort: The order of the rows.
        only: The filter of the rows.
    """
    past, experiments = session.past, session.experiments
    everything = range(-len(past), len(experiments))
    if only is Filter.ALL:
        shown: Sequence[int] = everything
    else:
        wanted = _FILTERED[only]
        shown = [
            index
            for index, attempt in zip(everything, past, strict=False)
            if attempt.verdict is wanted
        ]
        shown += [index for index, e in enumerate(experiments) if e.effective_verdict is wanted]
    if sort is Sort.NUMBER:
        return shown
    sign = 1.0 if session.direction is Direction.MIN else -1.0
    last = math.inf

    def rank(index: int) -> tuple[float, int]:
        if index < 0:
            value = _past_value(past[index], sort, sign)
        else:
            value = _experiment_value(experiments[index], sort, sign)
        return (last if value is None or value != value else value, index)

    return sorted(shown, key=rank)


def _experiment_value(experiment: Experiment, sort: Sort, sign: float) -> float | None:
    """Return the value to sort an experiment by, the best being the least; None if unknown.

    Args:
        experiment: The experiment.
        sort: Any order but `NUMBER`.
        sign: 1 if a lower metric is better, else -1.
    """
    measurement = experiment.measurement
    if sort is Sort.METRIC:
        if measurement is None or experiment.effective_verdict is Verdict.CRASH:
            return None
        value = experiment.value
        return None if value is None else sign * value
    value = experiment.gain if sort is Sort.GAIN else seconds_of(experiment)
    return -value if value is not None else None


def _past_value(attempt: PastAttempt, sort: Sort, sign: float) -> float | None:
    if sort is Sort.METRIC:
        return sign * attempt.metric if attempt.metric is not None else None
    # The duration of an imported attempt is not recorded.
    return -attempt.gain if sort is Sort.GAIN and attempt.gain is not None else None


def seconds_of(experiment: Experiment) -> float | None:
    """Return the seconds that an experiment's ended runs took in all; None if no run has ended."""
    ended = [run.seconds for run in experiment.runs if run.outcome is not None]
    return sum(ended) if ended else None
