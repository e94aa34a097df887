"""Enumerations shared by the journal, the screens and results.tsv."""

from __future__ import annotations

from enum import StrEnum

PROGRAM = "program.md"
"""The file with the user's instructions to the agent."""

NOT_RECORDED = "not recorded"
"""Shown for every figure that a source does not have."""


class Direction(StrEnum):
    """The direction in which the metric improves."""

    MIN = "min"
    MAX = "max"

    def gain(self, new: float, old: float) -> float:
        """Return how much better `new` is than `old`, in metric units; negative if it is worse."""
        return old - new if self is Direction.MIN else new - old

    def change(self, gain: float) -> float:
        """Return the change of the metric that a gain means; -0.0 is never returned."""
        return (-gain if self is Direction.MIN else gain) + 0.0

    @property
    def better(self) -> str:
        """`lower` or `higher`: the values of the metric that are better."""
        return "lower" if self is Direction.MIN else "higher"


class Verdict(StrEnum):
    """The verdict on an experiment, as in `results.tsv`."""

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
"""What an edit can be about."""


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
    """What a training process is doing, according to its log."""

    STARTING = "start-up"
    TRAINING = "train"
    EVALUATING = "evaluate"
    RUNNING = "run"
    """A script that prints no progress; only that it runs is known."""


class SessionState(StrEnum):
    """What the ratchet is doing."""

    STARTING = "starting"
    PROPOSING = "proposing"
    ASKING = "waiting for you"
    """Nothing can run before the user answers a question."""
    RUNNING = "running"
    DECIDING = "deciding"
    PAUSED = "paused"
    ENDED = "ended"


class KeepRule(StrEnum):
    """The rule that decides whether an edit is kept."""

    GREEDY = "greedy"
    MIN_DELTA = "min_delta"


class Autonomy(StrEnum):
    """How much runs unasked."""

    AUTO = "auto"
    """Every edit without a blocking finding runs unasked."""
    ASK_RISKY = "ask-risky"
    ASK_ALL = "ask-all"

    @property
    def next(self) -> Autonomy:
        """The next autonomy, in a cycle."""
        all_of_them = list(Autonomy)
        return all_of_them[(all_of_them.index(self) + 1) % len(all_of_them)]


class Origin(StrEnum):
    """Where a proposal comes from."""

    AGENT = "agent"
    PIN = "pin"
    """A pinned hypothesis, worked out by the agent or taken literally."""
    REVIVE = "revive"
    """The patch of an earlier experiment, re-applied to the frontier."""
    CONFIRM = "confirm"
    """The commit of an earlier experiment, run once more."""
    OVERRULE = "overrule"
    """A run that the user's own verdict on an earlier experiment needs."""


class QueueState(StrEnum):
    """What a queued proposal waits for."""

    READY = "ready"
    """It runs when its turn comes."""
    ASKED = "asked"
    """The user's answer; it is parked if none comes in time."""
    PARKED = "parked"
    """The user's answer, without a time limit."""


class ReviewAnswer(StrEnum):
    """The user's answer about a proposal."""

    APPROVE = "approve"
    VETO = "veto"


class Actor(StrEnum):
    """Who decided: through what the user spoke, or what acted in their place."""

    SCREEN = "screen"
    COMMAND_LINE = "command line"
    PERSON = "person"
    """The user, where it is not recorded through what."""
    CONFIG = "config.toml"
    START = "start"
    """The start of an engine."""
    SIGNAL = "signal"
    ENGINE = "engine"
    POLICY = "policy"
    """The autonomy in force."""
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    """A word in a journal that this version does not know."""

    @classmethod
    def _missing_(cls, value: object) -> Actor:
        return cls.UNKNOWN

    @property
    def is_user(self) -> bool:
        """True where the user decided, not the engine, a rule or a signal."""
        return self in (Actor.SCREEN, Actor.COMMAND_LINE, Actor.PERSON)


class AlarmKind(StrEnum):
    """What an alarm is about."""

    EDIT_FAILED = "edit_failed"
    """An agent's answer could not be used."""
    EDIT_TOO_LATE = "edit"
    """The user's edit of a proposal came after the decision."""
    REPAIR = "repair"
    LOOKAHEAD = "lookahead"
    OVERRULE = "overrule"
    PIN = "pin"
    PLATEAU = "plateau"
    PROGRAM = "program"
    DOUBT = "doubt"
    TAMPER = "tamper"
    PAUSE = "pause"
    JOURNAL = "journal"
    NOTIFY = "notify"
    REPORT = "report"
    DISK = "disk"
    ENGINE = "engine"
    OTHER = "other"
    """A word in a journal that this version does not know."""

    @classmethod
    def _missing_(cls, value: object) -> AlarmKind:
        return cls.OTHER


class DecisionKind(StrEnum):
    """What was decided about a proposal or an experiment."""

    ASKED = "asked"
    APPROVED = "approved"
    VETOED = "vetoed"
    EDITED = "edited"
    PARKED = "parked"
    KILLED = "killed"
    OVERRULED = "overruled"


class StopMode(StrEnum):
    """How the session is to end."""

    AFTER_RUN = "after this run"
    NOW = "now"
