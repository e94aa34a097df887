"""The session: what folding the journal gives. The engine acts on it, the screen paints it.

`Session.apply(event)` is the one way in. It returns a new session and leaves the old one valid, so
that live and replay are the same code fed at different speeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.vector import Vector
from engine.core.words import Direction, Outcome, SessionState, StopMode, Verdict

_ALARMS_SHOWN = 50


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


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What the session's language models used."""

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


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Finished experiments by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0

    @property
    def total(self) -> int:
        """All finished experiments."""
        return self.keep + self.discard + self.crash


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one session at one moment."""

    seq: int = 0
    at: datetime = ev.EPOCH
    version: str = ""
    workspace: str = ""
    branch: str = ""
    base_commit: str = ""
    config: ResearchConfig = ResearchConfig()
    results_file: str = "results.tsv"
    notes: tuple[str, ...] = ()
    platform: ev.Platform | None = None
    engine_pid: int | None = None
    engine_starts: int = 0
    started_at: datetime | None = None
    ended: str | None = None
    """Why the session ended; None while it lives."""
    experiments: Vector[Experiment] = Vector()
    frontier: str = ""
    """The best commit so far."""
    incumbent: int | None = None
    """The experiment whose commit is the frontier and whose value is to be beaten."""
    counts: Counts = Counts()
    pause: Pause | None = None
    stop: StopMode | None = None
    stop_reason: str = ""
    waiting: Waiting | None = None
    """Why the agent is not asked just now; old once its time has come."""
    spending: Spending = Spending()
    alarms: tuple[ev.AlarmRaised, ...] = ()
    latest_patch: str = ""
    """The patch of the newest experiment; older ones are in the artifacts."""
    latest_reasoning: str = ""

    # ---- questions

    @property
    def direction(self) -> Direction:
        """Which way the metric improves."""
        return self.config.direction

    @property
    def current(self) -> Experiment | None:
        """The experiment that has no verdict yet."""
        if self.experiments and self.experiments[-1].verdict is None:
            return self.experiments[-1]
        return None

    @property
    def running(self) -> Run | None:
        """The run whose process is believed alive."""
        current = self.current
        if current is not None and current.run is not None and current.run.outcome is None:
            return current.run
        return None

    @property
    def baseline(self) -> Experiment | None:
        """Experiment 1, once it is measured."""
        if self.experiments and self.experiments[0].measurement is not None:
            return self.experiments[0]
        return None

    @property
    def best(self) -> Experiment | None:
        """The incumbent."""
        return None if self.incumbent is None else self.experiment(self.incumbent)

    @property
    def best_metric(self) -> float | None:
        """The value to be beaten."""
        best = self.best
        return (
            best.measurement.metric if best is not None and best.measurement is not None else None
        )

    @property
    def total_gain(self) -> float | None:
        """From the baseline to the best, in metric units, positive is better."""
        best, baseline = self.best_metric, self.baseline
        if best is None or baseline is None or baseline.measurement is None:
            return None
        return self.direction.gain(best, baseline.measurement.metric)

    @property
    def state(self) -> SessionState:
        """What the ratchet does now."""
        if self.ended is not None:
            return SessionState.ENDED
        if self.running is not None:
            return SessionState.RUNNING
        if self.pause is not None:
            return SessionState.PAUSED
        current = self.current
        if current is not None:
            return SessionState.DECIDING if current.measurement else SessionState.STARTING
        return SessionState.PROPOSING if self.experiments else SessionState.STARTING

    def seconds_to_wait(self, now: datetime) -> float:
        """How long the agent is still left alone; 0 when it may be asked."""
        if self.waiting is None:
            return 0.0
        return max(0.0, (self.waiting.until - now).total_seconds())

    def experiment(self, number: int) -> Experiment:
        """The experiment of that number.

        Raises:
            KeyError: There is none.
        """
        if not 1 <= number <= len(self.experiments):
            raise KeyError(number)
        return self.experiments[number - 1]

    # ---- the fold

    def apply(self, event: ev.AnyEvent) -> Session:
        """The session after one more event."""
        handler: Callable[[Session, Any], Session] = _HANDLERS[type(event)]
        return handler(self, event)

    def _with(self, event: ev.Event, **changes: Any) -> Session:
        return replace(self, seq=event.seq, at=event.at, **changes)

    def _change(self, event: ev.Event, number: int, **changes: Any) -> Session:
        old = self.experiments[number - 1]
        return replace(
            self,
            seq=event.seq,
            at=event.at,
            experiments=self.experiments.replace(number - 1, replace(old, **changes)),
        )

    def _change_run(self, event: ev.Event, number: int, run: int, **changes: Any) -> Session:
        runs = self.experiments[number - 1].runs
        new = tuple(replace(r, **changes) if r.number == run else r for r in runs)
        return self._change(event, number, runs=new)


def fold(events: Iterable[ev.AnyEvent], start: Session | None = None) -> Session:
    """Apply many events."""
    session = start if start is not None else Session()
    for event in events:
        session = _HANDLERS[type(event)](session, event)
    return session


E_ = TypeVar("E_", bound=ev.Event)
_HANDLERS: dict[type[ev.Event], Callable[[Session, Any], Session]] = {}


def _on(
    kind: type[E_],
) -> Callable[[Callable[[Session, E_], Session]], Callable[[Session, E_], Session]]:
    def register(handler: Callable[[Session, E_], Session]) -> Callable[[Session, E_], Session]:
        _HANDLERS[kind] = handler
        return handler

    return register


@_on(ev.SessionStarted)
def _session_started(s: Session, e: ev.SessionStarted) -> Session:
    return s._with(
        e,
        version=e.version,
        workspace=e.workspace,
        branch=e.branch,
        base_commit=e.base_commit,
        frontier=e.base_commit,
        config=e.config,
        results_file=e.results_file,
        notes=e.notes,
        started_at=e.at,
    )


@_on(ev.EngineStarted)
def _engine_started(s: Session, e: ev.EngineStarted) -> Session:
    # A stop is a wish to one engine; whoever starts another wants the session to go on.
    return s._with(e, engine_pid=e.pid, engine_starts=s.engine_starts + 1, ended=None, stop=None)


@_on(ev.EngineStopped)
def _engine_stopped(s: Session, e: ev.EngineStopped) -> Session:
    return s._with(e, engine_pid=None)


@_on(ev.PlatformDetected)
def _platform_detected(s: Session, e: ev.PlatformDetected) -> Session:
    return s._with(e, platform=e.platform)


@_on(ev.ConfigChanged)
def _config_changed(s: Session, e: ev.ConfigChanged) -> Session:
    return s._with(e, config=e.config)


@_on(ev.ProposalDrafted)
def _proposal_drafted(s: Session, e: ev.ProposalDrafted) -> Session:
    experiment = Experiment(number=e.experiment, proposal=e.proposal, base=e.base, drafted_at=e.at)
    return s._with(
        e,
        experiments=s.experiments.append(experiment),
        latest_patch=e.patch,
        latest_reasoning=e.reasoning,
        waiting=None,
    )


@_on(ev.ProposalRevised)
def _proposal_revised(s: Session, e: ev.ProposalRevised) -> Session:
    runs = s.experiment(e.experiment).runs
    changed = s._change(
        e,
        e.experiment,
        proposal=e.proposal,
        commit="",
        revised_after=runs[-1].number if runs else 0,
    )
    return replace(changed, latest_patch=e.patch)


@_on(ev.CostIncurred)
def _cost_incurred(s: Session, e: ev.CostIncurred) -> Session:
    old = s.spending
    return s._with(
        e,
        spending=Spending(
            calls=old.calls + 1,
            prompt_tokens=old.prompt_tokens + e.prompt_tokens,
            cached_tokens=old.cached_tokens + e.cached_tokens,
            completion_tokens=old.completion_tokens + e.completion_tokens,
            reasoning_tokens=old.reasoning_tokens + e.reasoning_tokens,
            dollars=old.dollars + (e.dollars or 0.0),
            unpriced=old.unpriced + (e.dollars is None),
        ),
    )


@_on(ev.AgentWaited)
def _agent_waited(s: Session, e: ev.AgentWaited) -> Session:
    return s._with(e, waiting=Waiting(reason=e.reason, until=e.until, tries=e.tries))


@_on(ev.CandidateCommitted)
def _candidate_committed(s: Session, e: ev.CandidateCommitted) -> Session:
    return s._change(e, e.experiment, commit=e.commit, ref=e.ref)


@_on(ev.RunStarted)
def _run_started(s: Session, e: ev.RunStarted) -> Session:
    run = Run(
        number=e.run,
        slot=e.slot,
        directory=e.directory,
        deadline_seconds=e.deadline_seconds,
        started_at=e.at,
    )
    return s._change(e, e.experiment, runs=(*s.experiment(e.experiment).runs, run))


@_on(ev.RunAdopted)
def _run_adopted(s: Session, e: ev.RunAdopted) -> Session:
    run = next(r for r in s.experiment(e.experiment).runs if r.number == e.run)
    return s._change_run(e, e.experiment, e.run, adopted=run.adopted + 1)


@_on(ev.RunProgressed)
def _run_progressed(s: Session, e: ev.RunProgressed) -> Session:
    run = next(r for r in s.experiment(e.experiment).runs if r.number == e.run)
    curve = (*run.curve, ev.ProgressPoint(e.share, e.loss))
    return s._change_run(e, e.experiment, e.run, curve=curve)


@_on(ev.RunEnded)
def _run_ended(s: Session, e: ev.RunEnded) -> Session:
    return s._change_run(
        e,
        e.experiment,
        e.run,
        ended_at=e.at,
        outcome=e.outcome,
        detail=e.detail,
        todo=e.todo,
        exit_code=e.exit_code,
        signal=e.signal,
        seconds=e.seconds,
        peak_rss_bytes=e.peak_rss_bytes,
    )


@_on(ev.Measured)
def _measured(s: Session, e: ev.Measured) -> Session:
    return s._change(e, e.experiment, measurement=e.measurement, doubts=e.doubts)


@_on(ev.VerdictGiven)
def _verdict_given(s: Session, e: ev.VerdictGiven) -> Session:
    changed = s._change(
        e,
        e.experiment,
        verdict=e.verdict,
        verdict_reason=e.reason,
        gain=e.gain,
        results_bytes=e.results_bytes,
        ended_at=e.at,
    )
    name = e.verdict.value
    return replace(changed, counts=replace(s.counts, **{name: getattr(s.counts, name) + 1}))


@_on(ev.RowWritten)
def _row_written(s: Session, e: ev.RowWritten) -> Session:
    return s._change(e, e.experiment, row_written=True)


@_on(ev.FrontierAdvanced)
def _frontier_advanced(s: Session, e: ev.FrontierAdvanced) -> Session:
    return s._with(e, frontier=e.commit, incumbent=e.experiment)


@_on(ev.Paused)
def _paused(s: Session, e: ev.Paused) -> Session:
    return s._with(e, pause=Pause(at=e.at, by=e.by, reason=e.reason, todo=e.todo))


@_on(ev.Resumed)
def _resumed(s: Session, e: ev.Resumed) -> Session:
    return s._with(e, pause=None)


@_on(ev.StopRequested)
def _stop_requested(s: Session, e: ev.StopRequested) -> Session:
    return s._with(e, stop=e.mode, stop_reason=e.reason)


@_on(ev.StopCancelled)
def _stop_cancelled(s: Session, e: ev.StopCancelled) -> Session:
    return s._with(e, stop=None)


@_on(ev.KillRequested)
def _kill_requested(s: Session, e: ev.KillRequested) -> Session:
    return s._change_run(e, e.experiment, e.run, kill_requested=True)


@_on(ev.AlarmRaised)
def _alarm_raised(s: Session, e: ev.AlarmRaised) -> Session:
    return s._with(e, alarms=(*s.alarms, e)[-_ALARMS_SHOWN:])


@_on(ev.SessionEnded)
def _session_ended(s: Session, e: ev.SessionEnded) -> Session:
    return s._with(e, ended=e.reason, stop=None)
