"""The closed sets of this field: the words the journal, the screens and results.tsv share."""

from __future__ import annotations

from enum import StrEnum

PROGRAM = "program.md"
"""The charter's file."""

NOT_RECORDED = "not recorded"
"""Said of whatever a source cannot tell; nothing is made up in its place."""


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
    ASKING = "waiting for you"
    """So much is asked that nothing goes on before a person answers."""
    RUNNING = "running"
    DECIDING = "deciding"
    PAUSED = "paused"
    ENDED = "ended"


class KeepRule(StrEnum):
    """When a measurement is good enough to keep an edit."""

    GREEDY = "greedy"
    MIN_DELTA = "min_delta"


class Autonomy(StrEnum):
    """How much runs unasked."""

    AUTO = "auto"
    """Everything but what no autonomy lets through."""
    ASK_RISKY = "ask-risky"
    ASK_ALL = "ask-all"

    @property
    def next(self) -> Autonomy:
        """The one after it, round and round."""
        all_of_them = list(Autonomy)
        return all_of_them[(all_of_them.index(self) + 1) % len(all_of_them)]


class Origin(StrEnum):
    """Who or what brought a proposal."""

    AGENT = "agent"
    PIN = "pin"
    """The person's hypothesis, worked out by the agent or taken literally."""
    REVIVE = "revive"
    """The patch of an earlier experiment, re-applied."""
    CONFIRM = "confirm"
    """An earlier experiment once more, exactly."""
    OVERRULE = "overrule"
    """What a person's other verdict on an earlier experiment needs to be run for."""


class QueueState(StrEnum):
    """What a proposal that is not an experiment yet waits for."""

    READY = "ready"
    """Its turn."""
    ASKED = "asked"
    """A person's word, and it will be parked if none comes."""
    PARKED = "parked"
    """A person's word, for as long as it takes."""


class ReviewAnswer(StrEnum):
    """What a person says to a proposal."""

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
