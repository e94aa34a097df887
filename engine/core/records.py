"""Defines the parts of a session's state: runs, experiments, queued proposals, decisions, costs."""

from __future__ import annotations

import math
from datetime import datetime
from statistics import fmean

import msgspec

from engine.core import events as ev
from engine.core.candidate import Candidate, ProposalRecord
from engine.core.enums import Actor, DecisionKind, Outcome, QueueState, RunPurpose, Verdict

MOST_FAILURES = 3
"""Number of interrupted runs, or of failed steps, after which an experiment counts as a crash."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One training process of an experiment, and how it ended."""

    number: int
    slot: int
    directory: str
    deadline_seconds: float
    started_at: datetime
    purpose: RunPurpose = RunPurpose.TRIAL
    after: int = 0
    """The number of experiments begun when the run was started."""
    epoch: int = 1
    """The evaluation epoch in which it was started."""
    metric: float | None = None
    """The value that the run gave; None before it is measured."""
    doubted: bool = False
    """True where the value is not trusted, so that it does not count."""
    report_digest: str = ""
    """The SHA-256 of the secret that the report of its end must hold; empty: any report counts."""
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    detail: str = ""
    todo: str = ""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    adopted: int = 0
    """How many later engine processes took over the watch of this run; 0: none."""
    curve: tuple[ev.ProgressPoint, ...] = ()
    kill_requested: bool = False
    stopped: bool = False
    """True where the user ended the session during this run, which killed it."""
    behind: ev.RunFellBehind | None = None
    """How far the run fell behind the incumbent, if that was too far to recover; else None."""
    veto: str = ""
    """Why the user vetoed the experiment's idea during this run; empty where they did not."""

    @property
    def saved_seconds(self) -> float:
        """The seconds that an early stop of this run saved; 0 where it was not stopped."""
        if self.behind is None or self.outcome is not Outcome.STOPPED_EARLY:
            return 0.0
        return self.behind.saved_seconds


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and US dollars used by calls of language models."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    """Number of calls of unknown price, which are not part of `dollars`."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, call: ev.CostIncurred) -> Spending:
        """Return the sum of this spending and the cost of one more call."""
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
    """One decision about a proposal or an experiment, by the user or by a rule for them."""

    at: datetime
    kind: DecisionKind
    by: Actor
    reason: str = ""
    patch_id: str = ""
    verdict: Verdict | None = None
    """The user's own verdict, where they overruled the keep rule; None for other decisions."""

    @property
    def text(self) -> str:
        """The decision as text, such as `approved` or `overruled: keep`."""
        return f"{self.kind}: {self.verdict}" if self.verdict is not None else self.kind.value


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis that the user pinned, to be tried before the agent's own proposals."""

    number: int
    text: str
    by: Actor
    at: datetime
    experiment: int = 0
    """The number of the experiment that tried the pin; 0: none yet."""
    removed: str = ""
    """Why the pin will not be tried; empty unless it was removed."""

    @property
    def waits(self) -> bool:
        """True while the pin was neither tried nor removed."""
        return not self.experiment and not self.removed


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """A ban or a note of the user, which goes into every briefing of the agent."""

    number: int
    text: str
    by: Actor
    at: datetime


class Vetoed(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal or running experiment that the user vetoed, with the reason and the patch."""

    at: datetime
    by: Actor
    reason: str
    proposal: ev.Proposal
    patch: str


class ProgramVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of program.md, the user's instructions to the agent."""

    key: str
    """A hash of the text of program.md."""
    digest: str = ""
    """The whole SHA-256 of the text; empty in journals of earlier versions."""
    at: datetime
    experiment: int
    """The number of the first experiment for which this version was in force."""
    commit: str = ""
    """The commit that has this version on the branch; empty until it is committed."""
    added: int = 0
    removed: int = 0

    def has(self, digest: str) -> bool:
        """Return whether this is the version whose text has a SHA-256."""
        return self.digest == digest if self.digest else self.key == digest[: len(self.key)]


class Experiment(ProposalRecord, frozen=True, kw_only=True):
    """One numbered experiment: its proposal, training runs, measurement and verdict."""

    number: int
    drafted_at: datetime
    commit: str = ""
    ref: str = ""
    """The private git ref that keeps the commit reachable; empty before the commit."""
    runs: tuple[Run, ...] = ()
    measurement: ev.Measurement | None = None
    epoch: int = 1
    """The newest evaluation epoch in which it was measured."""
    doubts: tuple[str, ...] = ()
    """Why the measurement is not trusted, so that it is not kept; empty where it is trusted."""
    surprises: tuple[str, ...] = ()
    """Why only the user keeps the result; empty where the keep rule does."""
    breaches: tuple[str, ...] = ()
    """The guardrails that its run breaks, so that it is not kept; empty where it breaks none."""
    verdict: Verdict | None = None
    verdict_reason: str = ""
    gain: float | None = None
    """Gain over the incumbent in metric units, positive is better; None where it is unknown."""
    indecisive: bool = False
    """True for a discard for which the budget of repeats ended before the test decided."""
    results_bytes: int = 0
    """Size of the results file in bytes before the experiment's row was appended."""
    row_written: bool = False
    row_status: str = ""
    """An imported row's status word that is not keep, discard or crash; else empty."""
    revised_after: int = 0
    """The number of the run after which the engine changed the edit; 0: it did not."""
    ended_at: datetime | None = None
    decisions: tuple[DecisionRecord, ...] = ()
    """The decisions about the experiment and who made them, oldest first."""
    against: int | None = None
    """The number of the experiment whose value it had to beat: the incumbent at its start.

    None for the baseline.
    """
    advanced: bool = False
    """True once the frontier moved to the experiment's commit."""
    overruled: Verdict | None = None
    """The user's own verdict, which replaces the keep rule's; None where they gave none."""
    spending: Spending = Spending()
    """Cost of all language-model calls for the experiment, dropped drafts included."""
    step_errors: tuple[str, ...] = ()
    """The errors of the engine's steps for this experiment, oldest first."""
    skipped: str | None = None
    """Why the user skipped the experiment, perhaps ""; None where they did not."""

    def values(self, purpose: RunPurpose) -> tuple[float, ...]:
        """Return the values of its runs for a purpose, oldest first, without doubted ones.

        Runs of an edit that was changed afterwards are left out, and so are those of an earlier
        evaluation epoch than its newest.
        """
        return tuple(
            run.metric
            for run in self.runs
            if run.purpose is purpose
            and run.epoch == self.epoch
            and run.number > self.revised_after
            and run.metric is not None
            and math.isfinite(run.metric)
            and not run.doubted
        )

    @property
    def fresh(self) -> tuple[float, ...]:
        """The values that no selection has touched, oldest first.

        Those of runs after it was kept, and of the baseline all.
        """
        trial = self.values(RunPurpose.TRIAL) if self.is_baseline else ()
        return trial + self.values(RunPurpose.FRESH)

    @property
    def value(self) -> float | None:
        """The best estimate of its metric: the mean of fresh runs, else of those it was judged by.

        None without a measurement.
        """
        if len(self.runs) > 1 and (fresh := self.fresh):
            return fmean(fresh)
        return self.measurement.metric if self.measurement is not None else None

    @property
    def epoch_value(self) -> float | None:
        """The value in the newest evaluation epoch in which it was measured; None without one."""
        if self.epoch == 1:
            return self.measurement.metric if self.measurement is not None else None
        return self.value

    @property
    def all_values(self) -> tuple[float, ...]:
        """The values of its runs of all purposes, by purpose."""
        return tuple(value for purpose in RunPurpose for value in self.values(purpose))

    @property
    def run_count(self) -> int:
        """The number of runs that give its value known, of all purposes."""
        return len(self.all_values)

    @property
    def lost_runs(self) -> int:
        """The number of runs that were interrupted, but not by the user."""
        return sum(
            r.outcome is Outcome.INTERRUPTED
            and r.purpose is RunPurpose.TRIAL
            and not (r.kill_requested or r.stopped)
            for r in self.runs
        )

    @property
    def has_failed(self) -> bool:
        """True once three runs were interrupted or three steps failed; it is not tried again."""
        return not self.is_baseline and max(self.lost_runs, len(self.step_errors)) >= MOST_FAILURES

    @property
    def is_baseline(self) -> bool:
        """True for experiment 1, which runs the editable file unchanged."""
        return self.number == 1

    @property
    def effective_verdict(self) -> Verdict | None:
        """The verdict in force: the user's own, else the keep rule's; None before either."""
        return self.overruled or self.verdict

    @property
    def held(self) -> bool:
        """Return whether the user is asked to keep or discard a surprising result."""
        undecided = self.verdict is Verdict.DISCARD and self.overruled is None
        return bool(self.surprises) and not self.doubts and undecided

    @property
    def doubted(self) -> bool:
        """Return whether the measurement is not trusted, or surprising and not kept by the user."""
        surprising = bool(self.surprises) and self.effective_verdict is not Verdict.KEEP
        return bool(self.doubts) or surprising

    @property
    def run(self) -> Run | None:
        """The latest run that the experiment is judged by; None before the first."""
        return next((r for r in reversed(self.runs) if r.purpose is RunPurpose.TRIAL), None)

    @property
    def outcome(self) -> Outcome | None:
        """How the latest run that it is judged by ended; None before it has."""
        return self.run.outcome if self.run is not None else None


class Queued(Candidate, frozen=True, kw_only=True):
    """A candidate in the queue, ready to run or waiting for the user's answer."""

    after: int
    """The number of experiments begun when the proposal was queued."""
    at: datetime
    state: QueueState = QueueState.READY
    why: str = ""
    """Why the user is asked about the proposal; empty where it may run without approval."""
    until: datetime | None = None
    """When the proposal is parked if the user does not answer; None where no question is open."""
    approved: str = ""
    """The patch_id that the user approved; empty where they approved none."""
    decisions: tuple[DecisionRecord, ...] = ()

    @property
    def number(self) -> int:
        """The proposal's number in the queue, counted up through the session."""
        return self.queued

    @property
    def asked_at(self) -> datetime | None:
        """When the user was last asked about the proposal; None where they never were."""
        asked = [d.at for d in self.decisions if d.kind is DecisionKind.ASKED]
        return asked[-1] if asked else None


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A queued proposal that was dropped and never ran."""

    at: datetime
    hypothesis: str
    reason: str


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause of the loop: when, by whom, why, and what the user can do."""

    at: datetime
    by: Actor
    reason: str
    todo: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The wait after a failed agent call before the agent is asked again."""

    reason: str
    since: datetime
    until: datetime
    tries: int
    ends_after: int = 0
    """The number of the event after which any other one ends the wait; 0: none does."""


class VerdictCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of finished experiments by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0
    other: int = 0
    """Number of imported rows with none of the three verdicts."""

    @property
    def total(self) -> int:
        """The number of all finished experiments, whatever the verdict."""
        return self.keep + self.discard + self.crash + self.other
