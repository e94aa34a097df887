"""What a session is made of: runs, experiments, proposals that wait, why the loop waits, what was
spent.
"""

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
    """How many engines after the first took this run over."""
    curve: tuple[ev.ProgressPoint, ...] = ()
    kill_requested: bool = False
    veto: str = ""
    """Why a person ended it, where the idea itself was not wanted."""


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of language models used."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    """Calls whose price nobody knows; they are not in `dollars`."""

    @property
    def tokens(self) -> int:
        """Prompt and answer tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, call: ev.CostIncurred) -> Spending:
        """With one call more."""
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
    """One decision: by a person, or by a rule in their place."""

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
    """A person's own idea."""

    number: int
    text: str
    by: Actor
    at: datetime
    experiment: int = 0
    """Which experiment it became; 0: none yet."""
    removed: str = ""
    """Why it will not be done; empty while it may be."""

    @property
    def waits(self) -> bool:
        """Whether it is still to be done."""
        return not self.experiment and not self.removed


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """A ban or a note."""

    number: int
    text: str
    by: Actor
    at: datetime


class Vetoed(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, or a running experiment, that a person did not want."""

    at: datetime
    by: Actor
    reason: str
    proposal: ev.Proposal
    patch: str


class ProgramVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A program.md and since when it is in force."""

    key: str
    at: datetime
    experiment: int
    """The first it was in force for."""
    commit: str = ""
    """On the branch; empty until the next safe point."""
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
        """Whether this is the file as it was found."""
        return self.number == 1

    @property
    def effective_verdict(self) -> Verdict | None:
        """The verdict in force: the person's, if they overruled the rule's."""
        return self.overruled or self.verdict

    @property
    def run(self) -> Run | None:
        """The latest run."""
        return self.runs[-1] if self.runs else None

    @property
    def outcome(self) -> Outcome | None:
        """Why the latest run ended."""
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
    """When it is parked if nobody answers."""
    approved: str = ""
    """The patch_id that the user approved."""
    decisions: tuple[DecisionRecord, ...] = ()

    @property
    def number(self) -> int:
        """Its number in the queue."""
        return self.queued


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal made ahead that was never run."""

    at: datetime
    hypothesis: str
    reason: str


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why the loop waits."""

    at: datetime
    by: Actor
    reason: str
    todo: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the agent is left alone, and why."""

    reason: str
    until: datetime
    tries: int


class VerdictCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Finished experiments by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0
    other: int = 0
    """Rows of a table that others wrote, which says neither of the three."""

    @property
    def total(self) -> int:
        """All finished experiments."""
        return self.keep + self.discard + self.crash + self.other
