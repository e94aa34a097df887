"""What can happen in a session, as one tagged union; the journal holds nothing else.

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
    """A GPU as it was found."""

    name: str
    memory_bytes: int


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The machine the session runs on."""

    system: str
    python: str
    cpu: str
    cores: int
    ram_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_note: str = ""
    """Why there are no GPU figures, where there are none."""
    sandbox: str = "none"
    """What confines the training process."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One focused edit, and why it should help."""

    patch_id: str
    """A hash of the patch; a person's decision names it."""
    hypothesis: str
    rationale: str = ""
    expected: str = ""
    category: str = "other"
    agent: str = ""
    added: int = 0
    removed: int = 0
    source_key: str = ""
    """A hash of the edited file's syntax tree, to recognise the same idea in other words."""
    knobs: dict[str, tuple[str, str]] = {}
    """Knob name to its old and new literal, where the edit is a change of knobs."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a run reported, as far as it reported it."""

    metric: float
    memory_gb: float = 0.0
    """Peak memory in GiB, as the run's `peak_vram_mb` says, else its peak resident size."""
    training_seconds: float | None = None
    total_seconds: float | None = None
    steps: int | None = None
    tokens_millions: float | None = None
    params_millions: float | None = None
    summary: dict[str, str] = {}
    """Every `key: value` line of the run's summary."""


class ProgressPoint(msgspec.Struct, frozen=True, array_like=True):
    """A point of a run's loss curve."""

    share: float
    """Of the time budget, 0 to 1."""
    loss: float


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all events."""

    seq: int = 0
    at: datetime = EPOCH


class SessionStarted(Event, frozen=True, kw_only=True):
    """A person confirmed a research config."""

    version: str
    workspace: str
    branch: str
    base_commit: str
    config: ResearchConfig
    results_file: str
    """Where rows go in fact; differs from the config's where that file was not ours to write."""
    notes: tuple[str, ...] = ()
    """What the person should know about how their workspace was taken."""


class HistoryImported(Event, frozen=True, kw_only=True):
    """The rows of a session that had no journal are this session's history."""

    file: str
    branch: str
    tip: str
    """Where the branch stood."""
    attempts: tuple[PastAttempt, ...]
    bad_rows: int = 0
    notes: tuple[str, ...] = ()
    """What could not be known."""


class EngineStarted(Event, frozen=True, kw_only=True):
    """An engine process took the session up."""

    pid: int
    version: str
    recovered: bool = False


class EngineStopped(Event, frozen=True, kw_only=True):
    """The engine process left in good order; the session may be taken up again."""

    reason: str


class PlatformDetected(Event, frozen=True, kw_only=True):
    """What machine this is."""

    platform: Platform


class ConfigChanged(Event, frozen=True, kw_only=True):
    """The session goes on with other limits or another agent; never with another metric."""

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
    """A proposal made ahead will not be run; another is made in its place."""

    queued: int
    reason: str


class ReviewRequested(Event, frozen=True, kw_only=True):
    """A proposal waits for a person's word; meanwhile the slot works on something else."""

    queued: int
    patch_id: str
    why: str
    until: datetime
    """Then it is parked, and never approved by itself."""


class ReviewDecided(Event, frozen=True, kw_only=True):
    """A person approved or vetoed exactly this patch."""

    queued: int
    patch_id: str
    decision: ReviewAnswer
    by: Actor
    reason: str = ""


class ProposalParked(Event, frozen=True, kw_only=True):
    """Nobody answered in time; it waits in the morning queue."""

    queued: int
    reason: str


class ProposalEdited(Event, frozen=True, kw_only=True):
    """A person changed the edit; it was assessed again under its new patch_id."""

    queued: int
    by: Actor
    base: str
    proposal: Proposal
    patch: str
    findings: tuple[Finding, ...] = ()


class AutonomySet(Event, frozen=True, kw_only=True):
    """How much runs unasked, from the next proposal on."""

    autonomy: Autonomy
    by: Actor


class HypothesisPinned(Event, frozen=True, kw_only=True):
    """A person's own idea, to be done next."""

    pin: int
    """Counts up through the session."""
    text: str
    by: Actor


class PinEdited(Event, frozen=True, kw_only=True):
    """The person said it otherwise."""

    pin: int
    text: str
    by: Actor


class PinMoved(Event, frozen=True, kw_only=True):
    """The person changed the order of what is to be done next."""

    pin: int
    place: int
    """Among the pins that wait, from 0."""
    by: Actor


class PinRemoved(Event, frozen=True, kw_only=True):
    """A pin will not be done: the person took it back, or it cannot be."""

    pin: int
    by: Actor
    reason: str = ""


class DirectionBanned(Event, frozen=True, kw_only=True):
    """The agent is not to go there."""

    ban: int
    text: str
    by: Actor


class BanLifted(Event, frozen=True, kw_only=True):
    """It may go there after all."""

    ban: int
    by: Actor


class NoteAdded(Event, frozen=True, kw_only=True):
    """The person told the agent something."""

    note: int
    text: str
    by: Actor


class NoteRemoved(Event, frozen=True, kw_only=True):
    """It need not be told any more."""

    note: int
    by: Actor


class ProgramEdited(Event, frozen=True, kw_only=True):
    """Another program.md is in force, from the experiment named on."""

    key: str
    """A hash of the text."""
    experiment: int
    diff: str = ""
    """Against the version before; empty for the first."""


class ProgramCommitted(Event, frozen=True, kw_only=True):
    """The program.md in force is on the session's branch, whose end is the frontier now."""

    key: str
    commit: str


class Overruled(Event, frozen=True, kw_only=True):
    """A person's verdict takes the place of the keep rule's."""

    experiment: int
    verdict: Verdict
    by: Actor
    reason: str


class OverruleSettled(Event, frozen=True, kw_only=True):
    """What a person's verdict asked of the branch was done, or is on its way as an experiment."""

    experiment: int
    how: str


class FrontierReverted(Event, frozen=True, kw_only=True):
    """The branch took a kept change back, by a new commit."""

    experiment: int
    """Whose change was taken back."""
    commit: str
    incumbent: int
    """Whose value is to be beaten now."""


class ProposalRevised(Event, frozen=True, kw_only=True):
    """The engine changed the edit and runs it again, within the same experiment."""

    experiment: int
    reason: str
    proposal: Proposal
    patch: str
    reasoning: str = ""
    findings: tuple[Finding, ...] = ()
    prompt_key: str = msgspec.field(name="told", default="")


class CostIncurred(Event, frozen=True, kw_only=True):
    """A call of a language model ended, well or not."""

    experiment: int
    """The one it was drafting, or repairing; 0: it was asked about the session as a whole."""
    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float | None = None
    """None: the price is not known."""


class AgentWaited(Event, frozen=True, kw_only=True):
    """The agent could not be asked, and is asked again later by itself."""

    reason: str
    until: datetime
    tries: int = 1


class CandidateCommitted(Event, frozen=True, kw_only=True):
    """The experiment's commit exists and is held by a private ref."""

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
    """Of the run's files (run.log, exit.json), relative to the workspace."""
    deadline_seconds: float


class RunAdopted(Event, frozen=True, kw_only=True):
    """A new engine found the run alive and took it over."""

    experiment: int
    run: int


class RunProgressed(Event, frozen=True, kw_only=True):
    """A sparse record of how far training has come; at most 20 of them a run."""

    experiment: int
    run: int
    share: float
    loss: float


class DevicesSampled(Event, frozen=True, kw_only=True):
    """A sparse record of what the machine was doing; some six of them in a run."""

    experiment: int
    run: int
    sample: MachineSample


class RunEnded(Event, frozen=True, kw_only=True):
    """The training process and its whole tree are gone."""

    experiment: int
    run: int
    outcome: Outcome
    detail: str = ""
    """The last traceback, or the reason in words."""
    todo: str = ""
    """What the person can do about it, where they can."""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    peak_rss_bytes: int = 0


class Measured(Event, frozen=True, kw_only=True):
    """What the run reported was read and checked."""

    experiment: int
    run: int
    measurement: Measurement
    doubts: tuple[str, ...] = ()
    """What does not fit with what the engine saw; a doubted measurement is never kept."""


class VerdictGiven(Event, frozen=True, kw_only=True):
    """The keep rule spoke."""

    experiment: int
    verdict: Verdict
    reason: str
    gain: float | None = None
    """Against the incumbent, in metric units, positive is better."""
    results_bytes: int = 0
    """Size of the results file before the row: tells a later engine whether the row was written."""


class RowWritten(Event, frozen=True, kw_only=True):
    """The experiment's row is on the disk."""

    experiment: int
    file: str
    status: str = ""
    """The row's own word where it is none of our verdicts: only of tables that others wrote."""


class FrontierAdvanced(Event, frozen=True, kw_only=True):
    """The branch moved to a better commit."""

    experiment: int
    commit: str


class Paused(Event, frozen=True, kw_only=True):
    """The loop waits at its next safe point."""

    by: Actor
    """`person`, or `engine` when the environment or the agent is at fault."""
    reason: str
    todo: str = ""


class Resumed(Event, frozen=True, kw_only=True):
    """The loop goes on."""

    by: Actor


class StopRequested(Event, frozen=True, kw_only=True):
    """The person wants the session to end."""

    by: Actor
    mode: StopMode
    reason: str = ""


class StopCancelled(Event, frozen=True, kw_only=True):
    """The person changed their mind before the session ended."""

    by: Actor


class KillRequested(Event, frozen=True, kw_only=True):
    """The person ended one run; its experiment counts as interrupted, not as a failed idea."""

    by: Actor
    experiment: int
    run: int
    reason: str = ""
    """Why the idea itself is not wanted: a veto. Empty: only this run was to end."""


class AlarmRaised(Event, frozen=True, kw_only=True):
    """Something a person should look at."""

    kind: AlarmKind
    message: str
    experiment: int | None = None


class SessionEnded(Event, frozen=True, kw_only=True):
    """No more experiments, until somebody continues the session."""

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
