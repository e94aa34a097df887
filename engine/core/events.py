"""The events of a session, as one tagged union; the journal holds nothing else.

Each event is a fact in the past tense with a sequence number and a UTC time. Fields are only ever
added, with defaults, so that a journal written by an older release always opens.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from engine.core.config import ResearchConfig
from engine.core.enums import (
    Actor,
    AlarmKind,
    Autonomy,
    Origin,
    Outcome,
    ReviewAnswer,
    StopMode,
    Verdict,
)
from engine.core.finding import Finding
from engine.core.imported_attempt import PastAttempt
from engine.core.machine import MachineSample

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Gpu(msgspec.Struct, frozen=True):
    """A GPU of the machine."""

    name: str
    memory_bytes: int


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The machine on which the session runs."""

    system: str
    python: str
    cpu: str
    cores: int
    ram_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_note: str = ""
    """Why no GPU figures are available; empty where they are."""
    sandbox: str = "none"
    """The sandbox that confines the training process."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One focused edit, described: what is changed, and why it should help."""

    patch_id: str
    """A hash of the patch; every decision of the user names it."""
    hypothesis: str
    rationale: str = ""
    expected: str = ""
    category: str = "other"
    agent: str = ""
    added: int = 0
    removed: int = 0
    source_key: str = ""
    """A hash of the edited file's syntax tree, to recognise an equivalent edit."""
    knobs: dict[str, tuple[str, str]] = {}
    """Knob name to its old and new literal, where the edit changes knobs."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that a run reported; None where it did not report one."""

    metric: float
    memory_gb: float = 0.0
    """Peak memory in GiB: the run's `peak_vram_mb`, else its peak resident size."""
    training_seconds: float | None = None
    total_seconds: float | None = None
    steps: int | None = None
    tokens_millions: float | None = None
    params_millions: float | None = None
    summary: dict[str, str] = {}
    """Every `key: value` line of the run's summary."""


class ProgressPoint(msgspec.Struct, frozen=True, array_like=True):
    """One point of a run's loss curve."""

    share: float
    """Elapsed share of the time budget, 0 to 1."""
    loss: float


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all events."""

    seq: int = 0
    """Sequence number in the journal, from 1; 0 before it is appended."""
    at: datetime = EPOCH
    """UTC time at which it was appended."""


class SessionStarted(Event, frozen=True, kw_only=True):
    """A session began with a research config that the user confirmed."""

    version: str
    workspace: str
    branch: str
    base_commit: str
    config: ResearchConfig
    results_file: str
    """The file that rows are appended to; another than the config names where that one belongs to
    the user.
    """
    notes: tuple[str, ...] = ()
    """What the user should know about how the engine uses the workspace."""


class HistoryImported(Event, frozen=True, kw_only=True):
    """The rows of a session without a journal were imported as this session's history."""

    file: str
    branch: str
    tip: str
    """The commit at the end of that branch."""
    attempts: tuple[PastAttempt, ...]
    bad_rows: int = 0
    notes: tuple[str, ...] = ()
    """What the table does not tell."""


class EngineStarted(Event, frozen=True, kw_only=True):
    """An engine process opened the session."""

    pid: int
    version: str
    recovered: bool = False


class EngineStopped(Event, frozen=True, kw_only=True):
    """The engine process exited normally; another one may continue the session."""

    reason: str


class PlatformDetected(Event, frozen=True, kw_only=True):
    """The engine found out on which machine it runs."""

    platform: Platform


class ConfigChanged(Event, frozen=True, kw_only=True):
    """The session continues with other limits or another agent, never with another metric."""

    config: ResearchConfig


class CandidateEvent(Event, frozen=True, kw_only=True):
    """The fields of a candidate as the journal keeps them; see `engine.core.candidate`."""

    base: str
    proposal: Proposal
    patch: str
    reasoning: str = ""
    queued: int = 0
    origin: Origin = Origin.AGENT
    pin: int = 0
    of: int = 0
    forced: Verdict | None = None
    findings: tuple[Finding, ...] = ()
    prompt_key: str = msgspec.field(name="told", default="")


class ProposalDrafted(CandidateEvent, frozen=True, kw_only=True):
    """An experiment began with this proposal. Experiment 1 is the baseline, with an empty patch."""

    experiment: int
    rebased: bool = False


class ProposalQueued(CandidateEvent, frozen=True, kw_only=True):
    """A proposal was put into the queue; it becomes an experiment later, or is dropped."""

    after: int
    """The newest experiment when it was queued; the proposal assumes that it is discarded."""
    basis: str = ""
    why: str = ""
    """Why the user is asked about it; empty where it may run unasked."""


class ProposalDropped(Event, frozen=True, kw_only=True):
    """A queued proposal will not run."""

    queued: int
    reason: str


class ReviewRequested(Event, frozen=True, kw_only=True):
    """The user is asked about a proposal; meanwhile the loop works on another one."""

    queued: int
    patch_id: str
    why: str
    until: datetime
    """When the proposal is parked if the user does not answer."""


class ReviewDecided(Event, frozen=True, kw_only=True):
    """The user approved or vetoed exactly this patch."""

    queued: int
    patch_id: str
    decision: ReviewAnswer
    by: Actor
    reason: str = ""


class ProposalParked(Event, frozen=True, kw_only=True):
    """The question was not answered in time; the proposal waits without a time limit."""

    queued: int
    reason: str


class ProposalEdited(Event, frozen=True, kw_only=True):
    """A queued edit was changed; it was assessed again under its new patch_id."""

    queued: int
    by: Actor
    base: str
    proposal: Proposal
    patch: str
    findings: tuple[Finding, ...] = ()


class AutonomySet(Event, frozen=True, kw_only=True):
    """The autonomy was set, in force from the next proposal on."""

    autonomy: Autonomy
    by: Actor


class HypothesisPinned(Event, frozen=True, kw_only=True):
    """The user pinned a hypothesis, to be tried next."""

    pin: int
    """Its number, counted up through the session."""
    text: str
    by: Actor


class PinEdited(Event, frozen=True, kw_only=True):
    """The user changed the text of a pin."""

    pin: int
    text: str
    by: Actor


class PinMoved(Event, frozen=True, kw_only=True):
    """The user changed the order of the waiting pins."""

    pin: int
    place: int
    """Its new place among the waiting pins, from 0."""
    by: Actor


class PinRemoved(Event, frozen=True, kw_only=True):
    """A pin will not be tried: the user removed it, or it turned out to be impossible."""

    pin: int
    by: Actor
    reason: str = ""


class DirectionBanned(Event, frozen=True, kw_only=True):
    """The user banned a direction: the agent must not propose it."""

    ban: int
    text: str
    by: Actor


class BanLifted(Event, frozen=True, kw_only=True):
    """The user lifted a ban."""

    ban: int
    by: Actor


class NoteAdded(Event, frozen=True, kw_only=True):
    """The user added a note for the agent."""

    note: int
    text: str
    by: Actor


class NoteRemoved(Event, frozen=True, kw_only=True):
    """The user removed a note."""

    note: int
    by: Actor


class ProgramEdited(Event, frozen=True, kw_only=True):
    """Another version of program.md is in force."""

    key: str
    """A hash of its text."""
    experiment: int
    """The first experiment for which it is in force."""
    diff: str = ""
    """Unified diff against the version before; empty for the first version."""


class ProgramCommitted(Event, frozen=True, kw_only=True):
    """A version of program.md was committed to the session's branch, which is the new frontier."""

    key: str
    commit: str


class Overruled(Event, frozen=True, kw_only=True):
    """The user replaced the keep rule's verdict by their own."""

    experiment: int
    verdict: Verdict
    by: Actor
    reason: str


class OverruleSettled(Event, frozen=True, kw_only=True):
    """The branch follows an overrule, or an experiment is queued that will make it follow."""

    experiment: int
    how: str


class FrontierReverted(Event, frozen=True, kw_only=True):
    """A kept change was reverted on the branch by a new commit."""

    experiment: int
    """The experiment whose change was reverted."""
    commit: str
    incumbent: int
    """The experiment whose value has to be beaten from now on."""


class ProposalRevised(Event, frozen=True, kw_only=True):
    """The engine changed the edit; it runs again within the same experiment."""

    experiment: int
    reason: str
    proposal: Proposal
    patch: str
    reasoning: str = ""
    findings: tuple[Finding, ...] = ()
    prompt_key: str = msgspec.field(name="told", default="")


class CostIncurred(Event, frozen=True, kw_only=True):
    """A call of a language model ended, successful or not."""

    experiment: int
    """The experiment that the call was for; 0: it was about the session as a whole."""
    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float | None = None
    """Price of the call; None where it is not known."""


class AgentWaited(Event, frozen=True, kw_only=True):
    """The agent failed, and is asked again after a wait."""

    reason: str
    until: datetime
    tries: int = 1


class CandidateCommitted(Event, frozen=True, kw_only=True):
    """The experiment's commit was made; a private ref keeps it reachable."""

    experiment: int
    commit: str
    ref: str


class RunStarted(Event, frozen=True, kw_only=True):
    """A training process was started under its supervisor."""

    experiment: int
    run: int
    slot: int
    command: str
    directory: str
    """The directory of the run's files (run.log, exit.json), relative to the workspace."""
    deadline_seconds: float


class RunAdopted(Event, frozen=True, kw_only=True):
    """A new engine found the run alive and watches it from now on."""

    experiment: int
    run: int


class RunProgressed(Event, frozen=True, kw_only=True):
    """One point of the loss curve; at most 20 of them per run."""

    experiment: int
    run: int
    share: float
    loss: float


class DevicesSampled(Event, frozen=True, kw_only=True):
    """A sample of the machine's CPU, memory and GPUs; about six of them per run."""

    experiment: int
    run: int
    sample: MachineSample


class RunEnded(Event, frozen=True, kw_only=True):
    """The training process and all its descendants have ended."""

    experiment: int
    run: int
    outcome: Outcome
    detail: str = ""
    """The last traceback of the log, or the reason in words."""
    todo: str = ""
    """What the user can do about it; empty where there is nothing."""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    peak_rss_bytes: int = 0


class Measured(Event, frozen=True, kw_only=True):
    """The figures that the run reported were read and checked."""

    experiment: int
    run: int
    measurement: Measurement
    doubts: tuple[str, ...] = ()
    """Contradictions to what the engine observed; a doubted measurement is never kept."""


class VerdictGiven(Event, frozen=True, kw_only=True):
    """The keep rule gave its verdict."""

    experiment: int
    verdict: Verdict
    reason: str
    gain: float | None = None
    """Against the incumbent, in metric units; positive is better."""
    results_bytes: int = 0
    """Size of the results file before the row; shows a later engine whether the row was written."""


class RowWritten(Event, frozen=True, kw_only=True):
    """The experiment's row was appended to the results file and synced."""

    experiment: int
    file: str
    status: str = ""
    """The row's status word where it is not one of our verdicts; only in imported tables."""


class FrontierAdvanced(Event, frozen=True, kw_only=True):
    """The session's branch moved to a better commit."""

    experiment: int
    commit: str


class Paused(Event, frozen=True, kw_only=True):
    """The loop pauses at its next safe point."""

    by: Actor
    """The user, or the engine where the environment or the agent failed."""
    reason: str
    todo: str = ""


class Resumed(Event, frozen=True, kw_only=True):
    """The loop continues after a pause."""

    by: Actor


class StopRequested(Event, frozen=True, kw_only=True):
    """The session is to end."""

    by: Actor
    mode: StopMode
    reason: str = ""


class StopCancelled(Event, frozen=True, kw_only=True):
    """The session is not to end after all."""

    by: Actor


class KillRequested(Event, frozen=True, kw_only=True):
    """The user killed a run; its experiment counts as interrupted, not as a failed idea."""

    by: Actor
    experiment: int
    run: int
    reason: str = ""
    """Why the idea itself is vetoed; empty where only this run was to end."""


class AlarmRaised(Event, frozen=True, kw_only=True):
    """Something happened that the user should look at."""

    kind: AlarmKind
    message: str
    experiment: int | None = None


class SessionEnded(Event, frozen=True, kw_only=True):
    """The session ended; it can be continued later."""

    reason: str


AnyEvent = (
    SessionStarted
    | HistoryImported
    | EngineStarted
    | EngineStopped
    | PlatformDetected
    | ConfigChanged
    | ProposalDrafted
    | ProposalQueued
    | ProposalDropped
    | ReviewRequested
    | ReviewDecided
    | ProposalParked
    | ProposalEdited
    | AutonomySet
    | HypothesisPinned
    | PinEdited
    | PinMoved
    | PinRemoved
    | DirectionBanned
    | BanLifted
    | NoteAdded
    | NoteRemoved
    | ProgramEdited
    | ProgramCommitted
    | Overruled
    | OverruleSettled
    | FrontierReverted
    | ProposalRevised
    | CostIncurred
    | AgentWaited
    | CandidateCommitted
    | RunStarted
    | RunAdopted
    | RunProgressed
    | DevicesSampled
    | RunEnded
    | Measured
    | VerdictGiven
    | RowWritten
    | FrontierAdvanced
    | Paused
    | Resumed
    | StopRequested
    | StopCancelled
    | KillRequested
    | AlarmRaised
    | SessionEnded
)
