"""The records of a folded session: runs, experiments, queued proposals, decisions, spending."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.core import events as ev
from engine.core.candidate import Candidate, ProposalRecord
from engine.core.enums import Actor, DecisionKind, Outcome, QueueState, Verdict


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One training process of an experiment."""

    number: int
    slot: int
    directory: str
    deadline_seconds: float
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    detail: str = ""
    todo: str = ""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    adopted: int = 0
    """The number of later engines that adopted this run."""
    curve: tuple[ev.ProgressPoint, ...] = ()
    kill_requested: bool = False
    veto: str = ""
    """Why the user vetoed the idea while it ran; empty where they did not."""


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and dollars used by calls of language models."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    """Calls of unknown price; they are not part of `dollars`."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, call: ev.CostIncurred) -> Spending:
        """Return the spending after one more call."""
        return Spending(
            calls=self.calls + 1,
            prompt_tokens=self.prompt_tokens + call.prompt_tokens,
            cached_tokens=self.cached_tokens + call.cached_tokens,
            completion_tokens=self.completion_tokens + call.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + call.reasoning_tokens,
            dollars=self.dollars + (call.dollars or 0.0),
            unpriced=self.unpriced + (call.dollars is None),
        )


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, by the user or by a rule on their behalf."""

    at: datetime
    kind: DecisionKind
    by: Actor
    reason: str = ""
    patch_id: str = ""
    verdict: Verdict | None = None
    """The user's own verdict, where they overruled the keep rule."""

    @property
    def text(self) -> str:
        """The decision in words, such as `approved` or `overruled: keep`."""
        return f"{self.kind}: {self.verdict}" if self.verdict is not None else self.kind.value


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis that the user pinned."""

    number: int
    text: str
    by: Actor
    at: datetime
    experiment: int = 0
    """The experiment that tried it; 0: none yet."""
    removed: str = ""
    """Why it will not be tried; empty while it may be."""

    @property
    def waits(self) -> bool:
        """True while it still has to be tried."""
        return not self.experiment and not self.removed


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """A ban or a note, which goes into every briefing."""

    number: int
    text: str
    by: Actor
    at: datetime


class Vetoed(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, or a running experiment, that the user vetoed."""

    at: datetime
    by: Actor
    reason: str
    proposal: ev.Proposal
    patch: str


class ProgramVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of program.md."""

    key: str
    """A hash of its text."""
    at: datetime
    experiment: int
    """The first experiment for which it was in force."""
    commit: str = ""
    """The commit that has it on the branch; empty until the next safe point."""
    added: int = 0
    removed: int = 0


class Experiment(ProposalRecord, frozen=True, kw_only=True):
    """One numbered attempt: proposal, runs, measurement, verdict."""

    number: int
    drafted_at: datetime
    commit: str = ""
    ref: str = ""
    """The private ref that keeps the commit reachable."""
    runs: tuple[Run, ...] = ()
    measurement: ev.Measurement | None = None
    doubts: tuple[str, ...] = ()
    """Why the measurement is not trusted; a doubted one is never kept."""
    verdict: Verdict | None = None
    verdict_reason: str = ""
    gain: float | None = None
    """Against the incumbent, in metric units; positive is better."""
    results_bytes: int = 0
    """Size of the results file before the row was appended."""
    row_written: bool = False
    row_status: str = ""
    """The status word of an imported row that is not one of our verdicts; it has no verdict."""
    revised_after: int = 0
    """The number of the run after which the engine changed the edit; 0: never."""
    ended_at: datetime | None = None
    decisions: tuple[DecisionRecord, ...] = ()
    """What was decided about it and by whom, oldest first."""
    against: int | None = None
    """The experiment whose value it had to beat: the incumbent when it began."""
    advanced: bool = False
    """True once the frontier moved to its commit."""
    overruled: Verdict | None = None
    """The user's verdict, which replaces the keep rule's."""
    spending: Spending = Spending()
    """Cost of all language-model calls for it, including drafts that were dropped on the way."""

    @property
    def is_baseline(self) -> bool:
        """True for experiment 1, the file as it is."""
        return self.number == 1

    @property
    def effective_verdict(self) -> Verdict | None:
        """The verdict in force: the user's where they overruled the keep rule, else the rule's."""
        return self.overruled or self.verdict

    @property
    def run(self) -> Run | None:
        """The latest run; None before the first."""
        return self.runs[-1] if self.runs else None

    @property
    def outcome(self) -> Outcome | None:
        """Why the latest run ended; None before it has."""
        return self.runs[-1].outcome if self.runs else None


class Queued(Candidate, frozen=True, kw_only=True):
    """A candidate in the queue: ready to run, or waiting for the user."""

    after: int
    """The newest experiment when it was queued."""
    at: datetime
    state: QueueState = QueueState.READY
    why: str = ""
    """Why the user is asked."""
    until: datetime | None = None
    """When it is parked if the user does not answer."""
    approved: str = ""
    """The patch_id that the user approved."""
    decisions: tuple[DecisionRecord, ...] = ()

    @property
    def number(self) -> int:
        """Its number in the queue."""
        return self.queued


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A queued proposal that never ran."""

    at: datetime
    hypothesis: str
    reason: str


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause of the loop, and why."""

    at: datetime
    by: Actor
    reason: str
    todo: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A wait before a failed agent is asked again."""

    reason: str
    until: datetime
    tries: int


class VerdictCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Finished experiments by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0
    other: int = 0
    """Imported rows with none of the three verdicts."""

    @property
    def total(self) -> int:
        """All finished experiments."""
        return self.keep + self.discard + self.crash + self.other
