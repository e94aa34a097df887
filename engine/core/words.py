"""The closed sets of this field: the words the journal, the screens and results.tsv share."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Which way the metric improves."""

    MIN = "min"
    MAX = "max"

    def gain(self, new: float, old: float) -> float:
        """How much better `new` is than `old`, in metric units; negative when it is worse."""
        return old - new if self is Direction.MIN else new - old


class Verdict(StrEnum):
    """What `results.tsv` says of an experiment."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"


CATEGORIES = (
    "architecture",
    "optimizer",
    "schedule",
    "data",
    "regularisation",
    "efficiency",
    "simplification",
    "other",
)
"""What an edit is about."""


class Outcome(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    CODE_CRASH = "code crash"
    OUT_OF_MEMORY = "out of memory"
    NAN = "NaN"
    TIMEOUT = "timeout"
    HANG = "hang"
    ENVIRONMENT = "environment"
    INTERRUPTED = "interrupted"


class Phase(StrEnum):
    """What a training process is doing, as far as its log tells."""

    STARTING = "start-up"
    TRAINING = "train"
    EVALUATING = "evaluate"
    RUNNING = "run"
    """A script that reports no progress: only that it runs is known."""


class SessionState(StrEnum):
    """What the ratchet as a whole is doing."""

    STARTING = "starting"
    PROPOSING = "proposing"
    RUNNING = "running"
    DECIDING = "deciding"
    PAUSED = "paused"
    ENDED = "ended"


class KeepRule(StrEnum):
    """When a measurement is good enough to keep an edit."""

    GREEDY = "greedy"
    MIN_DELTA = "min_delta"


class StopMode(StrEnum):
    """How the person wants the session to end."""

    AFTER_RUN = "after this run"
    NOW = "now"
