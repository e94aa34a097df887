"""Formats every event of a session as text, for the event lists, the audit and the plain log."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, assert_never

from engine.core import events as ev
from engine.core.enums import Actor, Direction, Origin, Outcome, ReviewAnswer, RunPurpose
from engine.core.input_rules import shorten
from engine.core.machine import MachineSample
from engine.core.records import Spending
from engine.core.text import short_id
from tui.present.early_stop import behind, evidence
from tui.present.numbers import clock, cost, gain_text, memory, metric, size
from tui.present.verdict_marks import INDECISIVE, VERDICTS


class EventTopic(StrEnum):
    """The topics by which the event list can be filtered; each kind of event has one."""

    EXPERIMENT = "experiments"
    RUN = "runs"
    SAMPLE = "samples"
    DECISION = "decisions"
    AGENT = "agent and queue"
    SESSION = "session and alarms"


_EVENTS: dict[EventTopic, tuple[type[ev.AnyEvent], ...]] = {
    EventTopic.EXPERIMENT: (
        ev.ProposalDrafted,
        ev.ProposalRevised,
        ev.CandidateCommitted,
        ev.StepFailed,
        ev.VerdictGiven,
        ev.RowWritten,
        ev.FrontierAdvanced,
        ev.FrontierReverted,
    ),
    EventTopic.RUN: (ev.RunStarted, ev.RunAdopted, ev.RunFellBehind, ev.RunEnded, ev.Measured),
    EventTopic.SAMPLE: (ev.RunProgressed, ev.DevicesSampled),
    EventTopic.DECISION: (
        ev.ReviewRequested,
        ev.ReviewDecided,
        ev.ProposalParked,
        ev.ProposalEdited,
        ev.AutonomySet,
        ev.HypothesisPinned,
        ev.PinEdited,
        ev.PinMoved,
        ev.PinRemoved,
        ev.DirectionBanned,
        ev.BanLifted,
        ev.NoteAdded,
        ev.NoteRemoved,
        ev.ProgramEdited,
        ev.ProgramQuestioned,
        ev.ProgramQuestionClosed,
        ev.ProgramCommitted,
        ev.Overruled,
        ev.OverruleSettled,
        ev.Paused,
        ev.Resumed,
        ev.StopRequested,
        ev.StopCancelled,
        ev.KillRequested,
        ev.ExperimentSkipped,
    ),
    EventTopic.AGENT: (ev.ProposalQueued, ev.ProposalDropped, ev.CostIncurred, ev.AgentWaited),
    EventTopic.SESSION: (
        ev.SessionStarted,
        ev.HistoryImported,
        ev.EngineStarted,
        ev.EngineStopped,
        ev.PlatformDetected,
        ev.ConfigChanged,
        ev.LockedFilesHashed,
        ev.InputsRecorded,
        ev.EditProbeStarted,
        ev.EditProbed,
        ev.AlarmRaised,
        ev.SessionEnded,
    ),
}
TOPICS = {event: topic for topic, events in _EVENTS.items() for event in events}
"""By event class, the topic by which the event list can be filtered."""


PURPOSES = {
    RunPurpose.TRIAL: "",
    RunPurpose.FRESH: "the incumbent again, for comparison",
    RunPurpose.CLOSING: "closing measurement",
}
"""By what a run is made for, the text for it; "" for a run that its experiment is judged by."""


class EventText(NamedTuple):
    """An event described in words, in parts that `line` joins; its text is not sanitized yet."""

    what: str
    """What happened, beginning in lower case: `approved`, `run 1 started, at most 05:00`."""
    style: str = ""
    """The Textual component class to paint it in, such as `--dim`; "" for the list's own style."""
    by: str = ""
    """Who decided: `screen`, `command line`, `timeout`, `policy` …; "" for other events."""
    reason: str = ""
    todo: str = ""
    """What the user can do about it, as a sentence; "" for nothing."""
    subject: str = ""
    """The text that the user pinned, banned or noted; "" for other events."""
    patch_id: str = ""
    queued: int = 0
    pin: int = 0
    experiment: int = 0
    """The number of the experiment that the event is about; 0 for none."""

    def sentence(self) -> str:
        """Return the event as one line that begins with a capital."""
        return capitalised(self.line())

    def line(self, number: str = "", *, with_by: bool = True) -> str:
        """Return the event on one line: `approved patch-id #3, screen (why: looks safe)`.

        Args:
            number: The experiment's number as it is to be written, such as `#3`; "" leaves it out.
            with_by: True if the line of a decision names who decided.
        """
        if not self.by:
            reason = f"{self.reason} {self.todo}".strip()
            head = f"{number}: {self.what}" if number else self.what
            return f"{head}: {reason}" if reason else head
        queued = f"proposal {self.queued}" if self.queued else ""
        about = f"pin {self.pin}" if self.pin else short_id(self.patch_id) or queued
        line = " ".join(filter(None, (self.what, about, number)))
        line += f", {self.by}" if with_by else ""
        line += f": {self.subject}" if self.subject else ""
        return line + (f" (why: {self.reason})" if self.reason else "")


def capitalised(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"


def event_text(event: ev.AnyEvent, direction: Direction = Direction.MIN) -> EventText:
    """Return what an event of the journal says, in words.

    Args:
        event: Any event of a journal.
        direction: Which way the metric improves, for the sign of a change.
    """
    text = _describe(event, direction)
    if text.by and not text.style:
        text = text._replace(style="--accent")
    number = getattr(event, "experiment", None)
    return text._replace(experiment=number) if isinstance(number, int) else text


def decision_in(event: ev.AnyEvent) -> EventText | None:
    """Return an event in words if it is a decision of the user, or of a rule in the user's place.

    Returns:
        None for every other event.
    """
    if TOPICS[type(event)] is not EventTopic.DECISION and not isinstance(event, ev.ProposalQueued):
        return None
    text = event_text(event)
    return text if text.by else None


def _describe(event: ev.AnyEvent, direction: Direction) -> EventText:
    match event:
        # ---- experiments
        case ev.ProposalDrafted():
            ahead = ", made ahead" if event.queued else ""
            return EventText(f"tries{ahead}", "--strong", reason=event.proposal.hypothesis)
        case ev.ProposalRevised():
            return EventText("changed", reason=event.reason)
        case ev.CandidateCommitted():
            return EventText(f"commit {event.commit[:7]}, kept at {event.ref}", "--dim")
        case ev.StepFailed():
            return EventText("a step of the engine failed", "--crash", reason=event.error)
        case ev.VerdictGiven():
            word, style = VERDICTS[event.verdict]
            if event.indecisive:
                word, style = INDECISIVE
            what = f"{word} {gain_text(event.gain, direction)}".rstrip()
            return EventText(what, style, reason=event.reason)
        case ev.RowWritten():
            return EventText(f"its row is in {event.file}", "--dim")
        case ev.FrontierAdvanced():
            return EventText(f"is the best: the branch moved to {event.commit[:7]}", "--keep")
        case ev.FrontierReverted():
            back = f"its change was taken back by {event.commit[:7]}"
            return EventText(f"{back}; #{event.incumbent} is the one to beat")

        # ---- runs and samples
        case ev.LockedFilesHashed():
            return EventText(f"locked files hashed: {len(event.files)}", "--dim")
        case ev.InputsRecorded():
            if event.changes:
                begins = f"evaluation epoch {event.epoch} begins"
                return EventText(begins, "--attention", reason=shorten(event.changes))
            known = f"data recorded: {event.files:,} files, {len(event.packages)} packages"
            return EventText(known, "--dim", reason=event.unseen)
        case ev.EditProbeStarted():
            return EventText("checks that runs use the edited file", "--dim")
        case ev.EditProbed():
            use = {
                True: "runs use the edited file",
                False: "runs do not use the edited file",
                None: "it is not known whether runs use the edited file",
            }
            return EventText(
                use[event.used], "--crash" if event.used is False else "", reason=event.reason
            )
        case ev.RunStarted():
            what = f"run {event.run} started, at most {clock(event.deadline_seconds)}"
            return EventText(what, reason=PURPOSES[event.purpose])
        case ev.RunAdopted():
            return EventText(f"run {event.run} was found alive and taken over", "--accent")
        case ev.RunFellBehind():
            what = f"run {event.run} {behind(event)}"
            return EventText(what, "--attention", reason=evidence(event))
        case ev.RunEnded():
            failed = event.outcome is not Outcome.FINISHED
            last = event.detail.strip().rsplit("\n", 1)[-1] if failed else ""
            what = f"run {event.run} {event.outcome} after {clock(event.seconds)}"
            return EventText(what, "--crash" if failed else "", reason=last)
        case ev.Measured():
            doubts = f"; doubted: {'; '.join(event.doubts)}" if event.doubts else ""
            if event.surprises and not doubts:
                doubts = f"; held for you: {'; '.join(event.surprises)}"
            if event.breaches:
                doubts += f"; guardrail broken: {'; '.join(event.breaches)}"
            measured = event.measurement
            what = f"measured {metric(measured.metric)}, {memory(measured.memory_gb)} of memory"
            return EventText(what + doubts, "--attention" if doubts else "")
        case ev.RunProgressed():
            what = f"run {event.run} at {event.share:.0%}, loss {event.loss:.4f}"
            return EventText(what, "--dim")
        case ev.DevicesSampled():
            return EventText("machine", "--dim", reason=_machine(event.sample))

        # ---- decisions about a proposal or an experiment
        case ev.ReviewRequested():
            return EventText(
                "asked",
                "--attention",
                "policy",
                event.why,
                patch_id=event.patch_id,
                queued=event.queued,
            )
        case ev.ReviewDecided():
            what = "approved" if event.decision is ReviewAnswer.APPROVE else "vetoed"
            return EventText(
                what,
                by=event.by,
                reason=event.reason,
                patch_id=event.patch_id,
                queued=event.queued,
            )
        case ev.ProposalParked():
            return EventText("parked", by="timeout", reason=event.reason, queued=event.queued)
        case ev.ProposalEdited():
            patch = event.proposal.patch_id
            return EventText("edited", by=event.by, patch_id=patch, queued=event.queued)
        case ev.KillRequested():
            what = "vetoed while it ran" if event.reason else "killed"
            return EventText(what, by=event.by, reason=event.reason)
        case ev.ExperimentSkipped():
            return EventText("skipped", by=event.by, reason=event.reason)
        case ev.Overruled():
            what = f"overruled: {event.verdict.value}"
            return EventText(what, by=event.by, reason=event.reason)
        case ev.OverruleSettled():
            return EventText("your verdict was carried out", "--accent", reason=event.how)

        # ---- decisions that steer the agent
        case ev.HypothesisPinned():
            return EventText("pinned", by=event.by, subject=event.text, pin=event.pin)
        case ev.PinEdited():
            return EventText("changed the pin", by=event.by, subject=event.text, pin=event.pin)
        case ev.PinMoved():
            what = f"moved the pin to place {event.place + 1}"
            return EventText(what, by=event.by, pin=event.pin)
        case ev.PinRemoved():
            return EventText("removed the pin", by=event.by, reason=event.reason, pin=event.pin)
        case ev.DirectionBanned():
            return EventText(f"banned ({event.ban})", by=event.by, subject=event.text)
        case ev.BanLifted():
            return EventText(f"lifted the ban {event.ban}", by=event.by)
        case ev.NoteAdded():
            return EventText(f"noted ({event.note})", by=event.by, subject=event.text)
        case ev.NoteRemoved():
            return EventText(f"removed the note {event.note}", by=event.by)
        case ev.ProgramEdited():
            if event.diff:
                return EventText("changed program.md", by=event.by or "file")
            return EventText(f"program.md {event.key[:7]} is in force")
        case ev.ProgramQuestioned():
            return EventText("program.md was changed on the disk meanwhile: use it?", "--attention")
        case ev.ProgramQuestionClosed():
            if event.by is Actor.ENGINE:
                return EventText("program.md has the text in force again", by=event.by)
            return EventText("refused the changed program.md", by=event.by)
        case ev.ProgramCommitted():
            what = f"program.md {event.key[:7]} is on the branch as {event.commit[:7]}"
            return EventText(what, "--dim")

        # ---- decisions about the session
        case ev.AutonomySet():
            return EventText(f"autonomy {event.autonomy.value}", by=event.by)
        case ev.Paused():
            if event.by != "engine":
                return EventText("paused", by=event.by, reason=event.reason)
            return EventText("paused", "--attention", reason=event.reason, todo=event.todo)
        case ev.Resumed():
            return EventText("resumed", by=event.by)
        case ev.StopRequested():
            return EventText(f"stop {event.mode.value}", by=event.by, reason=event.reason)
        case ev.StopCancelled():
            return EventText("no stop after all", by=event.by)

        # ---- the agent and the queue
        case ev.ProposalQueued():
            proposal = event.proposal
            if event.origin in (Origin.REVIVE, Origin.CONFIRM):
                is_revival = event.origin is Origin.REVIVE
                what = f"{'revived' if is_revival else 'asked for another run of'} #{event.of}"
                # Such a proposal names who asked for it as its agent.
                return EventText(
                    what, by=proposal.agent, patch_id=proposal.patch_id, queued=event.queued
                )
            return EventText(f"proposal {event.queued} made ahead", reason=proposal.hypothesis)
        case ev.ProposalDropped():
            return EventText(f"proposal {event.queued} dropped", "--dim", reason=event.reason)
        case ev.CostIncurred():
            cached = f" ({event.cached_tokens:,} cached)" if event.cached_tokens else ""
            used = f"{event.prompt_tokens:,} tokens sent{cached}, {event.completion_tokens:,} back"
            price = cost(Spending().plus(event))
            return EventText(event.model, "--dim", reason=f"{used}, {price}")
        case ev.AgentWaited():
            what = f"the agent is not asked before {event.until:%H:%M:%S} UTC"
            return EventText(what, "--attention", reason=event.reason)

        # ---- the session
        case ev.SessionStarted():
            what = f"session {event.config.tag} on {event.branch}, from {event.base_commit[:7]}"
            return EventText(what, "--accent")
        case ev.HistoryImported():
            bad = f", {event.bad_rows} bad rows" if event.bad_rows else ""
            what = f"{len(event.attempts)} rows of {event.file} are its history{bad}"
            return EventText(what, "--accent")
        case ev.EngineStarted():
            resumed = ", and continued the session" if event.recovered else ""
            what = f"engine {event.version} started (pid {event.pid}){resumed}"
            return EventText(what, "--dim")
        case ev.EngineStopped():
            return EventText("the engine stopped", "--dim", reason=event.reason)
        case ev.PlatformDetected():
            found = event.platform
            gpus = ", ".join(gpu.name for gpu in found.gpus) or "no GPU"
            machine = f"{gpus}, {found.cpu}, {found.cores} cores"
            return EventText("machine", "--dim", reason=machine)
        case ev.ConfigChanged():
            return EventText(
                f"continued with another config: agent {event.config.agent}", "--accent"
            )
        case ev.AlarmRaised():
            return EventText(f"attention ({event.kind})", "--attention", reason=event.message)
        case ev.SessionEnded():
            return EventText("the session ended", "--accent", reason=event.reason)
        case _:
            assert_never(event)


def _machine(sample: MachineSample) -> str:
    gpus = [
        f"GPU{gpu.index} {gpu.utilisation_percent:.0f} %"
        + (f", {size(gpu.memory_used_bytes)}" if gpu.memory_total_bytes else "")
        for gpu in sample.gpus
        if gpu.utilisation_percent is not None
    ]
    host = f"CPU {sample.cpu_percent:.0f} %, RAM {size(sample.ram_used_bytes)}"
    return ", ".join([*gpus, host])
