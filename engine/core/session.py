"""The folded session: the state that the engine acts on and the screen paints.

`engine.core.reducer` makes a new session from each event and leaves the old one valid, so live and
replay are the same code fed at different speeds. This file holds the state and the questions one
can ask of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Autonomy, Direction, Origin, QueueState, SessionState, StopMode
from engine.core.imported_attempt import PastAttempt
from engine.core.records import (
    Dropped,
    Experiment,
    Instruction,
    Pause,
    Pin,
    ProgramVersion,
    Queued,
    Run,
    Spending,
    VerdictCounts,
    Vetoed,
    Waiting,
)
from engine.core.vector import Vector

MAX_ASKED = 3
"""In `ask-all` the slot waits for an answer once so many questions are open; otherwise it works on
what needs no answer."""
MAX_HELD_IN_A_ROW = 8
"""So many proposals in a row that a person must see before anything runs: then the slot waits in
any autonomy, or a model that only has risky ideas would be paid all night."""


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
    past: tuple[PastAttempt, ...] = ()
    """What was tried before the session had a journal, as far as a table tells."""
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
    counts: VerdictCounts = VerdictCounts()
    pause: Pause | None = None
    stop: StopMode | None = None
    stop_reason: str = ""
    waiting: Waiting | None = None
    """Why the agent is not asked just now; old once its time has come."""
    spending: Spending = Spending()
    alarms: tuple[ev.AlarmRaised, ...] = ()
    queue: tuple[Queued, ...] = ()
    """Proposals made ahead, the next one first."""
    queued_ever: int = 0
    dropped: tuple[Dropped, ...] = ()
    """The last proposals made ahead that were not run, oldest first."""
    vetoed: tuple[Vetoed, ...] = ()
    pins: tuple[Pin, ...] = ()
    """All ever pinned; those that wait stand in the order they are to be done."""
    bans: tuple[Instruction, ...] = ()
    banned_ever: int = 0
    agent_notes: tuple[Instruction, ...] = ()
    noted_ever: int = 0
    last_steering_seq: int = 0
    """The number of the last event by which the person told the agent something."""
    autonomy_set: Autonomy | None = None
    programs: tuple[ProgramVersion, ...] = ()
    """The versions of program.md that were in force, the present one last."""
    aliases: dict[str, str] = {}
    """Commits of the branch that left the editable file as another commit has it, to that one."""
    pending_overrules: tuple[int, ...] = ()
    """Experiments whose overruling the branch does not show yet."""
    drafting: Spending = Spending()
    """What the experiment to come has cost so far."""
    machine: ev.DevicesSampled | None = None
    """The newest record of what the machine was doing."""
    latest_patch: str = ""
    """The patch of the newest experiment; older ones are in the artifacts."""
    latest_reasoning: str = ""

    # ---- questions

    @property
    def is_used_up(self) -> bool:
        """Whether all experiments it was given are done: it goes on with a higher limit alone."""
        most = self.config.max_experiments
        return most is not None and self.counts.total >= most

    @property
    def suggested_limit(self) -> int:
        """A limit to go on with: as many experiments again, ten at least."""
        return self.counts.total + max(10, self.counts.total)

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
        if self.is_full_of_questions:
            return SessionState.ASKING
        return SessionState.PROPOSING if self.experiments else SessionState.STARTING

    @property
    def is_full_of_questions(self) -> bool:
        """Whether nothing more is made before somebody answers, or the first question is parked."""
        if self.ready or self.pending_overrules:
            return False
        at_work = {q.pin for q in self.queue}
        own = any(pin.number not in at_work for pin in self.waiting_pins)
        if not self.asked or own:
            return False
        if self.autonomy is Autonomy.ASK_ALL:
            return len(self.asked) >= MAX_ASKED
        return self.consecutive_held >= MAX_HELD_IN_A_ROW

    @property
    def consecutive_held(self) -> int:
        """How many proposals since the newest experiment began wait for a person."""
        return sum(q.after >= len(self.experiments) for q in (*self.asked, *self.parked))

    @property
    def autonomy(self) -> Autonomy:
        """How much runs unasked now."""
        return self.autonomy_set or self.config.autonomy

    @property
    def asked(self) -> tuple[Queued, ...]:
        """Proposals that a person is asked about now."""
        return tuple(q for q in self.queue if q.state is QueueState.ASKED)

    @property
    def parked(self) -> tuple[Queued, ...]:
        """The morning queue."""
        return tuple(q for q in self.queue if q.state is QueueState.PARKED)

    @property
    def in_question(self) -> tuple[Queued, ...]:
        """Proposals that the user may decide on: those asked about now, then the parked ones."""
        return (*self.asked, *self.parked)

    @property
    def ready(self) -> tuple[Queued, ...]:
        """What comes next: what a person brought or approved, then what was made ahead."""
        able = [q for q in self.queue if q.state is QueueState.READY]
        return tuple(sorted(able, key=lambda q: (not q.approved, q.origin is Origin.AGENT)))

    @property
    def waiting_pins(self) -> tuple[Pin, ...]:
        """The person's ideas that are still to be done, the next one first."""
        return tuple(pin for pin in self.pins if pin.waits)

    def waiting_patch(self, patch_id: str) -> Queued | None:
        """The queued proposal with exactly this patch, if there is one."""
        return next((q for q in self.queue if q.proposal.patch_id == patch_id), None)

    def canonical_commit(self, commit: str) -> str:
        """The first commit of the session that has the editable file as this one has it."""
        return self.aliases.get(commit, commit)

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

    # ---- copies with changes, for the handlers

    def with_(self, event: ev.Event, **changes: Any) -> Session:
        """Return a copy at the event's sequence number and time, with these fields changed."""
        return replace(self, seq=event.seq, at=event.at, **changes)

    def change(self, event: ev.Event, number: int, **changes: Any) -> Session:
        """Return a copy in which these fields of one experiment are changed."""
        old = self.experiments[number - 1]
        return replace(
            self,
            seq=event.seq,
            at=event.at,
            experiments=self.experiments.replace(number - 1, replace(old, **changes)),
        )

    def change_run(self, event: ev.Event, number: int, run: int, **changes: Any) -> Session:
        """Return a copy in which these fields of one run of an experiment are changed."""
        runs = self.experiments[number - 1].runs
        new = tuple(replace(r, **changes) if r.number == run else r for r in runs)
        return self.change(event, number, runs=new)
