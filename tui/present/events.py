"""Every event of a session in a few words. Untrusted text in them is not cleaned yet."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Direction, Outcome, Verdict
from engine.core.machine import MachineSample
from engine.core.records import Spending
from tui.present.decisions import DecisionLine, decision_in
from tui.present.numbers import clock, cost, memory, metric, moved, size

_Styled = tuple[str, str]
"""Some text, and the component class of its colour."""


class EventTopic(StrEnum):
    """What an event is about."""

    EXPERIMENT = "experiments"
    RUN = "runs"
    SAMPLE = "samples"
    DECISION = "decisions"
    AGENT = "agent and queue"
    SESSION = "session and alarms"


class Words(NamedTuple):
    """An event as one line."""

    kind: EventTopic
    text: str
    style: str = ""
    """The component class of its colour."""
    experiment: int = 0
    """Which one it is about; 0: none."""


_STYLES = {Verdict.KEEP: "--keep", Verdict.DISCARD: "--discard", Verdict.CRASH: "--crash"}
_MARKS = {Verdict.KEEP: "✓ keep", Verdict.DISCARD: "· discard", Verdict.CRASH: "✗ crash"}

KINDS: dict[type[ev.AnyEvent], EventTopic] = {
    ev.SessionStarted: EventTopic.SESSION,
    ev.HistoryImported: EventTopic.SESSION,
    ev.EngineStarted: EventTopic.SESSION,
    ev.EngineStopped: EventTopic.SESSION,
    ev.PlatformDetected: EventTopic.SESSION,
    ev.ConfigChanged: EventTopic.SESSION,
    ev.ProposalDrafted: EventTopic.EXPERIMENT,
    ev.ProposalQueued: EventTopic.AGENT,
    ev.ProposalDropped: EventTopic.AGENT,
    ev.ReviewRequested: EventTopic.DECISION,
    ev.ReviewDecided: EventTopic.DECISION,
    ev.ProposalParked: EventTopic.DECISION,
    ev.ProposalEdited: EventTopic.DECISION,
    ev.AutonomySet: EventTopic.DECISION,
    ev.HypothesisPinned: EventTopic.DECISION,
    ev.PinEdited: EventTopic.DECISION,
    ev.PinMoved: EventTopic.DECISION,
    ev.PinRemoved: EventTopic.DECISION,
    ev.DirectionBanned: EventTopic.DECISION,
    ev.BanLifted: EventTopic.DECISION,
    ev.NoteAdded: EventTopic.DECISION,
    ev.NoteRemoved: EventTopic.DECISION,
    ev.ProgramEdited: EventTopic.DECISION,
    ev.ProgramCommitted: EventTopic.DECISION,
    ev.Overruled: EventTopic.DECISION,
    ev.OverruleSettled: EventTopic.DECISION,
    ev.FrontierReverted: EventTopic.EXPERIMENT,
    ev.ProposalRevised: EventTopic.EXPERIMENT,
    ev.CostIncurred: EventTopic.AGENT,
    ev.AgentWaited: EventTopic.AGENT,
    ev.CandidateCommitted: EventTopic.EXPERIMENT,
    ev.RunStarted: EventTopic.RUN,
    ev.RunAdopted: EventTopic.RUN,
    ev.RunProgressed: EventTopic.SAMPLE,
    ev.DevicesSampled: EventTopic.SAMPLE,
    ev.RunEnded: EventTopic.RUN,
    ev.Measured: EventTopic.RUN,
    ev.VerdictGiven: EventTopic.EXPERIMENT,
    ev.RowWritten: EventTopic.EXPERIMENT,
    ev.FrontierAdvanced: EventTopic.EXPERIMENT,
    ev.Paused: EventTopic.DECISION,
    ev.Resumed: EventTopic.DECISION,
    ev.StopRequested: EventTopic.DECISION,
    ev.StopCancelled: EventTopic.DECISION,
    ev.KillRequested: EventTopic.DECISION,
    ev.AlarmRaised: EventTopic.SESSION,
    ev.SessionEnded: EventTopic.SESSION,
}


def words_of(event: ev.AnyEvent, direction: Direction = Direction.MIN) -> Words:
    """An event in a few words.

    Args:
        event: Any.
        direction: Which way the metric improves.
    """
    text, style = _words(event, direction)
    number = getattr(event, "experiment", None)
    return Words(KINDS[type(event)], text, style, number if isinstance(number, int) else 0)


def _words(event: ev.AnyEvent, direction: Direction) -> _Styled:
    decided = decision_in(event)
    if decided is not None:
        return _decided(decided), "--attention" if decided.what == "asked" else "--accent"
    words = (
        _about_an_experiment(event, direction)
        or _about_a_run(event)
        or _about_the_agent(event)
        or _about_the_session(event)
    )
    assert words is not None, f"{type(event).__name__} has no words"
    return words


def _about_an_experiment(event: ev.AnyEvent, direction: Direction) -> _Styled | None:
    match event:
        case ev.ProposalDrafted():
            where = ", made ahead" if event.queued else ""
            return f"tries{where}: {event.proposal.hypothesis}", "--strong"
        case ev.ProposalRevised():
            return f"changed: {event.reason}", ""
        case ev.CandidateCommitted():
            return f"commit {event.commit[:7]}, kept at {event.ref}", "--dim"
        case ev.VerdictGiven():
            gain = moved(event.gain, direction)
            said = f"{_MARKS[event.verdict]} {gain}".rstrip()
            return f"{said}: {event.reason}", _STYLES[event.verdict]
        case ev.RowWritten():
            return f"its row is in {event.file}", "--dim"
        case ev.FrontierAdvanced():
            return f"is the best: the branch moved to {event.commit[:7]}", "--keep"
        case ev.FrontierReverted():
            back = f"its change was taken back by {event.commit[:7]}"
            return f"{back}; #{event.incumbent} is the one to beat", ""
        case _:
            return None


def _decided(decided: DecisionLine) -> str:
    about = f" pin {decided.pin}" if decided.pin else ""
    about += f" proposal {decided.queued}" if decided.queued else ""
    text = f": {decided.text}" if decided.text else ""
    why = f" (why: {decided.reason})" if decided.reason else ""
    return f"{decided.what}{about}, {decided.by}{text}{why}"


def _about_a_run(event: ev.AnyEvent) -> _Styled | None:
    match event:
        case ev.RunStarted():
            return f"run {event.run} started, at most {clock(event.deadline_seconds)}", ""
        case ev.RunAdopted():
            return f"run {event.run} was found alive and taken over", "--accent"
        case ev.RunProgressed():
            return f"run {event.run} at {event.share:.0%}, loss {event.loss:.4f}", "--dim"
        case ev.RunEnded():
            fine = event.outcome is Outcome.FINISHED
            last = event.detail.strip().rsplit("\n", 1)[-1] if event.detail and not fine else ""
            told = f": {last}" if last else ""
            words = f"run {event.run} {event.outcome} after {clock(event.seconds)}{told}"
            return words, "" if fine else "--crash"
        case ev.DevicesSampled():
            return _machine(event.sample), "--dim"
        case ev.Measured():
            doubts = f"; doubted: {'; '.join(event.doubts)}" if event.doubts else ""
            value = metric(event.measurement.metric)
            held = memory(event.measurement.memory_gb)
            return f"measured {value}, {held} of memory{doubts}", "--attention" if doubts else ""
        case _:
            return None


def _machine(sample: MachineSample) -> str:
    gpus = [
        f"GPU{gpu.index} {gpu.utilisation_percent:.0f} %, {size(gpu.memory_used_bytes)}"
        for gpu in sample.gpus
        if gpu.utilisation_percent is not None
    ]
    host = f"CPU {sample.cpu_percent:.0f} %, RAM {size(sample.ram_used_bytes)}"
    return "machine: " + ", ".join([*gpus, host])


def _about_the_agent(event: ev.AnyEvent) -> _Styled | None:
    match event:
        case ev.ProposalQueued():
            return f"proposal {event.queued} made ahead: {event.proposal.hypothesis}", ""
        case ev.ProposalDropped():
            return f"proposal {event.queued} dropped: {event.reason}", "--dim"
        case ev.CostIncurred():
            price = cost(Spending().plus(event))
            cached = f" ({event.cached_tokens:,} cached)" if event.cached_tokens else ""
            sent = f"{event.prompt_tokens:,} tokens sent{cached}"
            return f"{event.model}: {sent}, {event.completion_tokens:,} back, {price}", "--dim"
        case ev.AgentWaited():
            told = f"the agent is left alone until {event.until:%H:%M:%S}: {event.reason}"
            return told, "--attention"
        case _:
            return None


def _about_the_session(event: ev.AnyEvent) -> _Styled | None:
    match event:
        case ev.SessionStarted():
            begun = f"session {event.config.tag} on {event.branch}"
            return f"{begun}, from {event.base_commit[:7]}", "--accent"
        case ev.HistoryImported():
            bad = f", {event.bad_rows} bad rows" if event.bad_rows else ""
            return f"{len(event.attempts)} rows of {event.file} are its history{bad}", "--accent"
        case ev.EngineStarted():
            again = ", and took the session up again" if event.recovered else ""
            return f"engine {event.version} began (pid {event.pid}){again}", "--dim"
        case ev.EngineStopped():
            return f"the engine left: {event.reason}", "--dim"
        case ev.PlatformDetected():
            found = event.platform
            gpus = ", ".join(gpu.name for gpu in found.gpus) or "no GPU"
            return f"machine: {gpus}, {found.cpu}, {found.cores} cores", "--dim"
        case ev.ConfigChanged():
            return f"goes on with another config: agent {event.config.agent}", "--accent"
        case ev.ProgramEdited():
            return f"program.md {event.key[:7]} is in force", ""
        case ev.ProgramCommitted():
            return f"program.md {event.key[:7]} is on the branch as {event.commit[:7]}", "--dim"
        case ev.OverruleSettled():
            return f"your verdict was carried out: {event.how}", "--accent"
        case ev.Paused():
            todo = f" {event.todo}" if event.todo else ""
            return f"paused by the engine: {event.reason}{todo}", "--attention"
        case ev.AlarmRaised():
            return f"attention ({event.kind}): {event.message}", "--attention"
        case ev.SessionEnded():
            return f"the session ended: {event.reason}", "--accent"
        case _:
            return None
