"""What a session is made of: runs, experiments, proposals that wait, why the loop waits, what was
spent.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.core import events as ev
from engine.core.words import Outcome, Verdict


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


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered attempt: proposal, runs, measurement, verdict."""

    number: int
    proposal: ev.Proposal
    base: str
    drafted_at: datetime
    commit: str = ""
    ref: str = ""
    runs: tuple[Run, ...] = ()
    measurement: ev.Measurement | None = None
    doubts: tuple[str, ...] = ()
    verdict: Verdict | None = None
    verdict_reason: str = ""
    gain: float | None = None
    results_bytes: int = 0
    row_written: bool = False
    revised_after: int = 0
    """The number of the run after which the engine changed the edit; 0: it never did."""
    ended_at: datetime | None = None
    queued: int = 0
    """Its number among the proposals made ahead; 0: it was made for its own moment."""
    rebased: bool = False
    """Whether its edit was made for an earlier frontier."""
    spending: Spending = Spending()
    """What language models used to come to it, drafts that were dropped on the way included."""

    @property
    def is_baseline(self) -> bool:
        """Whether this is the file as it was found."""
        return self.number == 1

    @property
    def run(self) -> Run | None:
        """The latest run."""
        return self.runs[-1] if self.runs else None

    @property
    def outcome(self) -> Outcome | None:
        """Why the latest run ended."""
        return self.runs[-1].outcome if self.runs else None


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal made ahead: what comes next if its bet holds."""

    number: int
    base: str
    proposal: ev.Proposal
    patch: str
    reasoning: str
    after: int
    program: str
    at: datetime


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal made ahead that was never run."""

    at: datetime
    hypothesis: str
    reason: str


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why the loop waits."""

    at: datetime
    by: str
    reason: str
    todo: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the agent is left alone, and why."""

    reason: str
    until: datetime
    tries: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Finished experiments by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0

    @property
    def total(self) -> int:
        """All finished experiments."""
        return self.keep + self.discard + self.crash
