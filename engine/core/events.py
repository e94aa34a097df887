"""Defines every event of a session, as one tagged union; the journal holds nothing else.

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
    RunPurpose,
    StopMode,
    Verdict,
)
from engine.core.finding import Finding
from engine.core.git_names import CommitHash, PrivateRef
from engine.core.imported_attempt import PastAttempt
from engine.core.machine import MachineSample

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Gpu(msgspec.Struct, frozen=True):
    """Name and total memory of one GPU, or of one MIG instance of a GPU."""

    name: str
    memory_bytes: int
    """0 where the driver does not tell it."""
    shares_host_memory: bool = False
    """True where the GPU has no memory of its own, as in one chip with the processor."""

    @property
    def memory_text(self) -> str:
        """The memory for the user, such as `80 GiB` or `memory unknown`."""
        if self.memory_bytes <= 0:
            return "memory unknown"
        shared = " shared with the host" if self.shares_host_memory else ""
        return f"{self.memory_bytes / 2**30:.0f} GiB{shared}"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The hardware and software of the machine on which the session runs."""

    system: str
    python: str
    cpu: str
    cores: int
    ram_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_note: str = ""
    """Why none, or not all, of the machine's GPUs are listed; empty where all are."""
    driver: str = ""
    """Version of the NVIDIA driver; empty where there is none, and in earlier versions."""
    sandbox: str = "none"
    """Name of the sandbox that confines the training process; `none` where there is none."""

    @property
    def device_names(self) -> tuple[str, ...]:
        """The names of the GPUs; without any, the name of the processor."""
        return tuple(gpu.name for gpu in self.gpus) or (self.cpu,)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The description of one proposed edit: what is changed, and why it should help."""

    patch_id: str
    """A hash of the edit and its place; a decision of the user names the proposal by it.

    Journals of version 0.1 have twelve digits, a hash of the patch without its place.
    """
    hypothesis: str
    rationale: str = ""
    expected: str = ""
    category: str = "other"
    agent: str = ""
    added: int = 0
    removed: int = 0
    source_key: str = ""
    """A hash of the edited file's syntax tree, to recognise an equivalent edit; "": none."""
    knobs: dict[str, tuple[str, str]] = {}
    """Old and new literal of each knob (tunable constant) that the edit changes, by name."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that a run printed at its end; None where it did not print one."""

    metric: float
    memory_gb: float = 0.0
    """Peak memory in GiB: the printed `peak_vram_mb`, else the processes' peak resident size."""
    training_seconds: float | None = None
    total_seconds: float | None = None
    steps: int | None = None
    tokens_millions: float | None = None
    params_millions: float | None = None
    summary: dict[str, str] = {}
    """Every `key: value` line of the run's printed summary, as text."""
    metric_lead: str | None = None
    """The words before the metric's name in the line that gave its value; None where unknown."""

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens per second of training; None where the run gave no tokens or no seconds."""
        if self.tokens_millions is None or not self.training_seconds:
            return None
        return self.tokens_millions * 1e6 / self.training_seconds


class ProgressPoint(msgspec.Struct, frozen=True, array_like=True):
    """One point of a run's loss curve."""

    share: float
    """Elapsed share of the run's time budget, 0 to 1."""
    loss: float


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all events: a sequence number and a time."""

    seq: int = 0
    """Sequence number in the journal, from 1; 0 before the event is appended."""
    at: datetime = EPOCH
    """UTC time at which the event was appended to the journal."""


class SessionStarted(Event, frozen=True, kw_only=True):
    """A session began with a research config that the user confirmed."""

    version: str
    workspace: str
    branch: str
    base_commit: CommitHash
    config: ResearchConfig
    results_file: str
    """The results table to which a row per experiment is appended.

    It differs from the config's where that file belongs to the user.
    """
    notes: tuple[str, ...] = ()
    """Sentences telling the user how the engine uses the workspace."""


class HistoryImported(Event, frozen=True, kw_only=True):
    """The results table of another tool's session was imported as this session's history."""

    file: str
    branch: str
    tip: CommitHash
    """The commit at the end of the imported session's branch."""
    attempts: tuple[PastAttempt, ...]
    bad_rows: int = 0
    notes: tuple[str, ...] = ()
    """Sentences telling the user what the imported table does not record."""


class EngineStarted(Event, frozen=True, kw_only=True):
    """An engine process opened the session, or continued it after another engine."""

    pid: int
    version: str
    recovered: bool = False


class EngineStopped(Event, frozen=True, kw_only=True):
    """The engine process exited normally; another one may continue the session."""

    reason: str


class PlatformDetected(Event, frozen=True, kw_only=True):
    """The engine detected the machine's hardware and software."""

    platform: Platform


class ConfigChanged(Event, frozen=True, kw_only=True):
    """The session continues with a changed config: other limits or another agent, same metric."""

    config: ResearchConfig


class CandidateEvent(Event, frozen=True, kw_only=True):
    """The base of events that record a candidate; fields as in `engine.core.candidate`."""

    base: CommitHash
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
    """An experiment began with this proposal; experiment 1 is the baseline, with an empty patch."""

    experiment: int
    rebased: bool = False


class ProposalQueued(CandidateEvent, frozen=True, kw_only=True):
    """A proposal was put into the queue, to become an experiment later or to be dropped."""

    after: int
    """The number of experiments begun when it was queued; the last is assumed to be discarded."""
    basis: str = ""
    why: str = ""
    """Why the user is asked about the proposal; empty where it may run without approval."""


class ProposalDropped(Event, frozen=True, kw_only=True):
    """A queued proposal was removed from the queue and will not run."""

    queued: int
    reason: str


class ReviewRequested(Event, frozen=True, kw_only=True):
    """The user was asked whether a queued proposal may run; the loop works on another meanwhile."""

    queued: int
    patch_id: str
    why: str
    until: datetime
    """When the proposal is parked if the user does not answer."""


class ReviewDecided(Event, frozen=True, kw_only=True):
    """The user approved or vetoed a queued proposal with exactly this patch."""

    queued: int
    patch_id: str
    decision: ReviewAnswer
    by: Actor
    reason: str = ""


class ProposalParked(Event, frozen=True, kw_only=True):
    """The question about a proposal was not answered in time; it now waits without a time limit."""

    queued: int
    reason: str


class ProposalEdited(Event, frozen=True, kw_only=True):
    """A queued proposal's patch was changed by the user or the engine, and assessed again."""

    queued: int
    by: Actor
    base: CommitHash
    proposal: Proposal
    patch: str
    findings: tuple[Finding, ...] = ()


class AutonomySet(Event, frozen=True, kw_only=True):
    """The autonomy (which edits need approval) was changed, from the next proposal on."""

    autonomy: Autonomy
    by: Actor


class HypothesisPinned(Event, frozen=True, kw_only=True):
    """The user pinned a hypothesis, to be tried before the agent's own proposals."""

    pin: int
    """The pin's number, counted up through the session."""
    text: str
    by: Actor


class PinEdited(Event, frozen=True, kw_only=True):
    """The user changed the text of a waiting pin."""

    pin: int
    text: str
    by: Actor


class PinMoved(Event, frozen=True, kw_only=True):
    """The user moved a waiting pin to another place in the order of trying."""

    pin: int
    place: int
    """The pin's new place among the waiting pins, from 0."""
    by: Actor


class PinRemoved(Event, frozen=True, kw_only=True):
    """A pin will not be tried: the user removed it, or it could not be carried out."""

    pin: int
    by: Actor
    reason: str = ""


class DirectionBanned(Event, frozen=True, kw_only=True):
    """The user banned a direction of research: the agent must not propose it."""

    ban: int
    text: str
    by: Actor


class BanLifted(Event, frozen=True, kw_only=True):
    """The user lifted a ban on a direction of research."""

    ban: int
    by: Actor


class NoteAdded(Event, frozen=True, kw_only=True):
    """The user added a note that goes into the agent's briefings."""

    note: int
    text: str
    by: Actor


class NoteRemoved(Event, frozen=True, kw_only=True):
    """The user removed a note from the agent's briefings."""

    note: int
    by: Actor


class ProgramEdited(Event, frozen=True, kw_only=True):
    """A new version of program.md, the user's instructions to the agent, came into force."""

    key: str
    """A hash of the text of program.md."""
    experiment: int
    """The number of the first experiment for which this version is in force."""
    diff: str = ""
    """Unified diff against the previous version; empty for the first version."""
    digest: str = ""
    """The SHA-256 of the text as hexadecimal digits; empty in journals of earlier versions."""
    by: Actor | None = None
    """Where the user put it in force; None: the file was changed while no run trained."""


class ProgramQuestioned(Event, frozen=True, kw_only=True):
    """program.md was changed on the disk while a run trained, which could have changed it.

    The last version stays in force unless the user accepts the new one.
    """

    digest: str
    """The SHA-256 of the new text, as hexadecimal digits."""
    experiment: int
    """The number of the experiment whose run trained."""
    diff: str
    """Unified diff against the version in force."""


class ProgramQuestionClosed(Event, frozen=True, kw_only=True):
    """The question about a changed program.md was closed; the last version stays in force."""

    digest: str
    """The SHA-256 of the text that the user was asked about."""
    by: Actor
    """Where the user refused the text; the engine: the file has the text in force again."""


class ProgramCommitted(Event, frozen=True, kw_only=True):
    """A version of program.md is on the session's branch; its commit is the new frontier."""

    key: str
    commit: CommitHash


class Overruled(Event, frozen=True, kw_only=True):
    """The user replaced the keep rule's verdict on an experiment by their own."""

    experiment: int
    verdict: Verdict
    by: Actor
    reason: str


class OverruleSettled(Event, frozen=True, kw_only=True):
    """A pending overrule was carried out on the branch, queued as an experiment, or given up."""

    experiment: int
    how: str


class FrontierReverted(Event, frozen=True, kw_only=True):
    """A kept change was reverted on the session's branch by a new commit."""

    experiment: int
    """The number of the experiment whose change was reverted."""
    commit: CommitHash
    incumbent: int
    """The number of the experiment whose value has to be beaten from now on."""


class ProposalRevised(Event, frozen=True, kw_only=True):
    """An experiment's edit was changed after a failed run; it runs again in that experiment."""

    experiment: int
    reason: str
    proposal: Proposal
    patch: str
    reasoning: str = ""
    findings: tuple[Finding, ...] = ()
    prompt_key: str = msgspec.field(name="told", default="")


class CostIncurred(Event, frozen=True, kw_only=True):
    """A language-model call ended, successful or not; these are its tokens and its price."""

    experiment: int
    """The number of the experiment the call was for; 0: it was about the session as a whole."""
    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float | None = None
    """Price of the call in US dollars; None where it is not known."""


class AgentWaited(Event, frozen=True, kw_only=True):
    """The agent failed and will be asked again after a wait."""

    reason: str
    until: datetime
    tries: int = 1
    for_answer: bool = False
    """True where the wait ends with the next event, such as the user's answer to a question."""


class CandidateCommitted(Event, frozen=True, kw_only=True):
    """The experiment's edit was committed; a private git ref keeps the commit reachable."""

    experiment: int
    commit: CommitHash
    ref: PrivateRef


class LockedFilesHashed(Event, frozen=True, kw_only=True):
    """The locked files of a fresh checkout were hashed; later runs are compared with them."""

    files: dict[str, str]
    """Hash of each locked file's content by path; a link has its target before it."""


class InputsRecorded(Event, frozen=True, kw_only=True):
    """The files, packages and devices that determine the metric were recorded, or had changed.

    Where they had changed, a new evaluation epoch begins: values of different epochs are not
    compared.
    """

    epoch: int
    """The evaluation epoch that they stand for, counted from 1."""
    digest: str = ""
    """A hash of all paths, contents and versions; empty where no data and package is known."""
    files: int = 0
    total_bytes: int = 0
    packages: dict[str, str] = {}
    """Versions of the packages that runs import, by name."""
    driver: str = ""
    """Version of the NVIDIA driver; empty where there is none."""
    devices: tuple[str, ...] = ()
    """Names of the GPUs; without any, the name of the processor."""
    unseen: str = ""
    """Why not all inputs are known, as a sentence; empty where Python itself listed them."""
    changes: tuple[str, ...] = ()
    """What had changed, each as a phrase; empty unless the epoch begins with a change."""


class EditProbeStarted(Event, frozen=True, kw_only=True):
    """The run command was started with an unusable editable file, which it must fail on."""

    experiment: int


class EditProbed(Event, frozen=True, kw_only=True):
    """The run with an unusable editable file ended, which tells whether runs use that file."""

    experiment: int
    used: bool | None
    """None where it is not known."""
    reason: str
    """Why it is known, or not, as a sentence."""
    seconds: float


class RunStarted(Event, frozen=True, kw_only=True):
    """A run's training process was started under its supervisor process."""

    experiment: int
    run: int
    slot: int
    command: str
    directory: str
    """The directory of the run's files (run.log, exit.json), relative to the workspace."""
    deadline_seconds: float
    report_digest: str = ""
    """The SHA-256 of a secret that the report of the run's end must hold; empty: any report counts,
    as in earlier versions.
    """
    purpose: RunPurpose = RunPurpose.TRIAL


class RunAdopted(Event, frozen=True, kw_only=True):
    """A new engine found a run of an earlier engine still running, and watches it from now on."""

    experiment: int
    run: int


class RunProgressed(Event, frozen=True, kw_only=True):
    """One point of a run's loss curve; at most 20 are recorded per run."""

    experiment: int
    run: int
    share: float
    loss: float


class RunFellBehind(Event, frozen=True, kw_only=True):
    """A run's loss is further behind the incumbent's than any run of the session recovered from."""

    experiment: int
    run: int
    against: int
    """The number of the incumbent's experiment."""
    share: float
    """The share of the budget, from 0 to 1, at which the losses were compared."""
    gap: float
    """The run's loss there, less the incumbent's."""
    limit: float
    """The largest gap there from which a run is believed to recover."""
    curves: int
    """The number of finished runs from which that is believed."""
    hindsight_stopped: int = 0
    """How many of these runs the rule would have stopped, each judged by all the others."""
    hindsight_keeps: int = 0
    """How many of those it would have stopped were kept."""
    stops: bool = False
    """Whether the engine stops the run."""
    saved_seconds: float = 0.0
    """The seconds that the incumbent's run took, less those of this run so far."""


class DevicesSampled(Event, frozen=True, kw_only=True):
    """The machine's CPU, memory and GPU load was sampled; about six times per run."""

    experiment: int
    run: int
    sample: MachineSample


class RunEnded(Event, frozen=True, kw_only=True):
    """A run's training process and all its descendants have ended."""

    experiment: int
    run: int
    outcome: Outcome
    detail: str = ""
    """The last traceback in the run's log, or why it ended as a phrase; empty if it finished."""
    todo: str = ""
    """What the user can do about the run's end; empty where there is nothing."""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    peak_rss_bytes: int = 0


class Measured(Event, frozen=True, kw_only=True):
    """The figures that a run printed were read and checked."""

    experiment: int
    run: int
    measurement: Measurement
    doubts: tuple[str, ...] = ()
    """Contradictions between the figures and what the engine observed.

    A doubted measurement is never kept.
    """
    surprises: tuple[str, ...] = ()
    """Why the result is not kept before the user has looked at it; empty where it may be."""
    breaches: tuple[str, ...] = ()
    """The guardrails that the run breaks, each as a clause; empty where it breaks none."""


class VerdictGiven(Event, frozen=True, kw_only=True):
    """An experiment got its verdict from the keep rule, or as a crash."""

    experiment: int
    verdict: Verdict
    reason: str
    gain: float | None = None
    """Gain over the incumbent in metric units, positive is better; None where it is unknown."""
    results_bytes: int = 0
    """Size of the results file before the row; shows a later engine whether the row was written."""
    indecisive: bool = False
    """True for a discard for which the budget of repeats ended before the test decided."""


class RowWritten(Event, frozen=True, kw_only=True):
    """An experiment's row was appended to the results file and synced to disk."""

    experiment: int
    file: str
    status: str = ""
    """The row's status word where it is not keep, discard or crash; only in imported tables."""


class FrontierAdvanced(Event, frozen=True, kw_only=True):
    """The session's branch moved to the commit of an experiment that was kept."""

    experiment: int
    commit: CommitHash


class Paused(Event, frozen=True, kw_only=True):
    """A pause was requested; the loop pauses at its next safe point, after a run under way."""

    by: Actor
    """The user, or the engine where the environment or the agent failed."""
    reason: str
    todo: str = ""


class Resumed(Event, frozen=True, kw_only=True):
    """A pause of the loop ended."""

    by: Actor


class StopRequested(Event, frozen=True, kw_only=True):
    """The end of the session was requested, after the current run or at once."""

    by: Actor
    mode: StopMode
    reason: str = ""


class StopCancelled(Event, frozen=True, kw_only=True):
    """A requested end of the session was cancelled."""

    by: Actor


class KillRequested(Event, frozen=True, kw_only=True):
    """The user killed a run, with or without a veto of its idea."""

    by: Actor
    experiment: int
    run: int
    reason: str = ""
    """Why the user vetoes the idea itself; empty where only this run was to end."""


class StepFailed(Event, frozen=True, kw_only=True):
    """A step of the engine for an experiment failed; after three of them it counts as a crash."""

    experiment: int
    error: str


class ExperimentSkipped(Event, frozen=True, kw_only=True):
    """The user ended an unfinished experiment, which counts as a crash; its run is killed."""

    by: Actor
    experiment: int
    reason: str = ""


class AlarmRaised(Event, frozen=True, kw_only=True):
    """The engine reported something that needs the user's attention."""

    kind: AlarmKind
    message: str
    experiment: int | None = None


class SessionEnded(Event, frozen=True, kw_only=True):
    """The session ended; a new engine can continue it later."""

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
    | ProgramQuestioned
    | ProgramQuestionClosed
    | ProgramCommitted
    | Overruled
    | OverruleSettled
    | FrontierReverted
    | ProposalRevised
    | CostIncurred
    | AgentWaited
    | CandidateCommitted
    | LockedFilesHashed
    | InputsRecorded
    | EditProbeStarted
    | EditProbed
    | RunStarted
    | RunAdopted
    | RunProgressed
    | RunFellBehind
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
    | StepFailed
    | ExperimentSkipped
    | AlarmRaised
    | SessionEnded
)
