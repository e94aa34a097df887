"""Defines the enumerations of the journal, screens and results.tsv: verdicts, outcomes, states."""

from __future__ import annotations

from enum import StrEnum

PROGRAM = "program.md"
"""Name of the file with the user's instructions to the agent, at the workspace's top."""

NOT_RECORDED = "not recorded"
"""Text shown instead of a figure that the journal or results table does not hold."""


class Direction(StrEnum):
    """The direction in which the metric improves: lower (`min`) or higher (`max`) is better."""

    MIN = "min"
    MAX = "max"

    def gain(self, new: float, old: float) -> float:
        """Return how much better `new` is than `old`, in metric units; negative if it is worse.

        Args:
            new: The metric's value to rate.
            old: The metric's value to compare it with.
        """
        return old - new if self is Direction.MIN else new - old

    def change(self, gain: float) -> float:
        """Return the metric's new value minus the old for a gain, where positive is better.

        Never returns -0.0.
        """
        return (-gain if self is Direction.MIN else gain) + 0.0

    @property
    def better(self) -> str:
        """`lower` or `higher`: which values of the metric are better."""
        return "lower" if self is Direction.MIN else "higher"


class Verdict(StrEnum):
    """The verdict on an experiment, spelled as in the status column of results.tsv."""

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
"""The categories of edits: an agent assigns one of them to each proposal."""


class Outcome(StrEnum):
    """How a training run ended: finished, or the reason why it failed."""

    FINISHED = "finished"
    CODE_CRASH = "code crash"
    OUT_OF_MEMORY = "out of memory"
    NAN = "NaN"
    TIMEOUT = "timeout"
    HANG = "hang"
    ENVIRONMENT = "environment"
    INTERRUPTED = "interrupted"
    STOPPED_EARLY = "stopped early"
    """Its loss was too far behind the incumbent's; the engine stopped it."""


class Phase(StrEnum):
    """The phase of a running training process, as its log shows it."""

    STARTING = "start-up"
    TRAINING = "train"
    EVALUATING = "evaluate"
    RUNNING = "run"
    """The script prints no progress; only that its process runs is known."""


class SessionState(StrEnum):
    """What the session's loop is doing now, as the screens show it."""

    STARTING = "starting"
    PROBING = "checking"
    """The run command is tried with an unusable editable file, which must make it fail."""
    PROPOSING = "proposing"
    ASKING = "waiting for you"
    """No proposal can run before the user answers an open question."""
    RUNNING = "running"
    DECIDING = "deciding"
    PAUSED = "paused"
    ENDED = "ended"


class RunPurpose(StrEnum):
    """What a training run is made for."""

    TRIAL = "trial"
    """To judge the experiment: its first run, or a repeat before its verdict."""
    FRESH = "fresh"
    """To measure the incumbent, the baseline included, after its verdict."""
    CLOSING = "closing"
    """To compare the final version with the baseline at the end of the session."""


class EarlyStop(StrEnum):
    """What happens to a run whose loss is too far behind the incumbent's to recover."""

    OFF = "off"
    ADVISE = "advise"
    """The finding is recorded and shown, and the run goes on."""
    KILL = "kill"


class Autonomy(StrEnum):
    """Which edits run without the user's approval."""

    AUTO = "auto"
    """Every edit without a blocking risk finding runs without approval."""
    ASK_RISKY = "ask-risky"
    ASK_ALL = "ask-all"

    @property
    def next(self) -> Autonomy:
        """The autonomy after this one in the cycle auto, ask-risky, ask-all, auto."""
        all_of_them = list(Autonomy)
        return all_of_them[(all_of_them.index(self) + 1) % len(all_of_them)]


class Origin(StrEnum):
    """Where a proposal comes from: the agent, a pin, or an earlier experiment."""

    AGENT = "agent"
    PIN = "pin"
    """A pinned hypothesis, worked out by the agent or applied literally as knob values."""
    REVIVE = "revive"
    """The patch of an earlier experiment, re-applied to the frontier on the user's command."""
    CONFIRM = "confirm"
    """The unchanged commit of an earlier experiment, run once more on the user's command."""
    OVERRULE = "overrule"
    """A run that an overrule needs where later keeps depend on the change or it must be refit."""


class QueueState(StrEnum):
    """Whether a queued proposal may run, or waits for the user's answer."""

    READY = "ready"
    """The proposal runs when its turn comes."""
    ASKED = "asked"
    """The proposal waits for the user's answer, and is parked if none comes in time."""
    PARKED = "parked"
    """The proposal waits for the user's answer without a time limit."""


class ReviewAnswer(StrEnum):
    """The user's answer to whether a proposal may run."""

    APPROVE = "approve"
    VETO = "veto"


class Actor(StrEnum):
    """Who or what made a recorded decision: the user, the engine, a rule or a signal."""

    SCREEN = "screen"
    COMMAND_LINE = "command line"
    PERSON = "person"
    """The user, where the channel was not recorded."""
    CONFIG = "config.toml"
    START = "start"
    """The start of an engine process."""
    SIGNAL = "signal"
    ENGINE = "engine"
    SERVER = "server"
    """A language model's server accepts less than it was asked for."""
    POLICY = "policy"
    """The autonomy in force, which required a question to the user."""
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    """An actor in a journal that this version does not know."""

    @classmethod
    def _missing_(cls, value: object) -> Actor:
        return cls.UNKNOWN

    @property
    def is_user(self) -> bool:
        """True where the user decided; False for the engine, a rule, a signal or an unknown one."""
        return self in (Actor.SCREEN, Actor.COMMAND_LINE, Actor.PERSON)


class AlarmKind(StrEnum):
    """The subject of an alarm, which tells the user that something needs attention."""

    EDIT_FAILED = "edit_failed"
    """An agent's answer could not be used as an edit."""
    EDIT_TOO_LATE = "edit"
    """The user's own edit of a proposal arrived after the proposal was decided."""
    REPAIR = "repair"
    LOOKAHEAD = "lookahead"
    OVERRULE = "overrule"
    PIN = "pin"
    PLATEAU = "plateau"
    EPOCH = "epoch"
    """Data, packages or devices have changed, so that values before and after are not compared."""
    PROGRAM = "program"
    GUARDRAIL = "guardrail"
    DOUBT = "doubt"
    NOISE = "noise"
    """The runs of the baseline differ so much that only large gains can be seen."""
    TAMPER = "tamper"
    INTRUDER = "intruder"
    """A process of a run or an agent tried to command the engine."""
    PAUSE = "pause"
    JOURNAL = "journal"
    RESULTS = "results"
    """The results table was changed or deleted, and its rows were put back."""
    NOTIFY = "notify"
    REPORT = "report"
    DISK = "disk"
    RUN = "run"
    ENGINE = "engine"
    SERVER = "server"
    """A language model's server accepts less than it was asked for."""
    OTHER = "other"
    """An alarm kind in a journal that this version does not know."""

    @classmethod
    def _missing_(cls, value: object) -> AlarmKind:
        return cls.OTHER


class DecisionKind(StrEnum):
    """The kinds of recorded decisions about a proposal or an experiment."""

    ASKED = "asked"
    APPROVED = "approved"
    VETOED = "vetoed"
    EDITED = "edited"
    PARKED = "parked"
    KILLED = "killed"
    SKIPPED = "skipped"
    OVERRULED = "overruled"


class StopMode(StrEnum):
    """When a requested stop takes effect: after the current run, or at once by killing it."""

    AFTER_RUN = "after this run"
    NOW = "now"
