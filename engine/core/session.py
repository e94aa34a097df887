"""Defines a session's state, folded from its events: the engine acts on it, the screen shows it.

`engine.core.reducer` makes a new session from each event and leaves the old one valid, so live and
replay are the same code fed at different speeds. This file holds the state and the questions one
can ask of it.
"""

from __future__ import annotations

from datetime import datetime
from statistics import fmean
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.edit_use import EditUse
from engine.core.enums import (
    Autonomy,
    Direction,
    Origin,
    QueueState,
    RunPurpose,
    SessionState,
    StopMode,
)
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
"""Number of open questions at which the loop waits for the user, with the autonomy `ask-all`."""
MAX_HELD_IN_A_ROW = 8
"""Number of asked and parked proposals since the newest experiment at which the loop waits.

It then waits for the user's answer, so that a model with only risky ideas is not paid all night.
"""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one session after one event: everything that its journal up to there tells."""

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
    """Experiments from before the session had a journal, imported from its results table."""
    platform: ev.Platform | None = None
    engine_pid: int | None = None
    engine_starts: int = 0
    started_at: datetime | None = None
    ended: str | None = None
    """Why the session ended; None while it has not ended."""
    experiments: Vector[Experiment] = Vector()
    frontier: str = ""
    """The hash of the best commit so far, where the next experiment starts."""
    incumbent: int | None = None
    """The number of the experiment whose value is to be beaten; None before a kept baseline."""
    repeating: int | None = None
    """The number of an experiment with a verdict that is run again now; None: of none."""
    counts: VerdictCounts = VerdictCounts()
    pause: Pause | None = None
    resumed_after: int = 0
    """Number of experiments that were finished when a pause last ended; 0: none was."""
    limits_since: datetime | None = None
    """When the stop conditions began to count: at the start, or when they changed or the session
    was continued after its end.
    """
    limits_after: int = 0
    """Number of experiments that were finished then."""
    stop: StopMode | None = None
    stop_reason: str = ""
    waiting: Waiting | None = None
    """The wait after the latest failure of the agent, perhaps over already; None where none was."""
    spending: Spending = Spending()
    alarms: tuple[ev.AlarmRaised, ...] = ()
    queue: tuple[Queued, ...] = ()
    """Proposals that wait to run or for the user's answer, oldest first."""
    queued_ever: int = 0
    dropped: tuple[Dropped, ...] = ()
    """The latest queued proposals that were dropped, at most 20, oldest first."""
    vetoed: tuple[Vetoed, ...] = ()
    pins: tuple[Pin, ...] = ()
    """All pins of the session; those still to be tried are in the order of trying."""
    bans: tuple[Instruction, ...] = ()
    banned_ever: int = 0
    agent_notes: tuple[Instruction, ...] = ()
    noted_ever: int = 0
    last_steering_seq: int = 0
    """Sequence number of the latest event that changed a pin, ban, note or veto; 0: none yet."""
    autonomy_set: Autonomy | None = None
    programs: tuple[ProgramVersion, ...] = ()
    """All versions of program.md that were in force, the one in force last."""
    program_question: ev.ProgramQuestioned | None = None
    """The open question whether a changed program.md is to be used; None where there is none."""
    refused_program: str = ""
    """The SHA-256 of the text of program.md that the user refused last; empty: none."""
    aliases: dict[str, str] = {}
    """By commit whose editable file an earlier commit has too: that earlier commit."""
    held_numbers: tuple[int, ...] = ()
    """Numbers of the experiments with a surprising result that waits for the user."""
    locked: dict[str, str] | None = None
    """Hashes of the locked files as the baseline was run with them, by path; None: not recorded."""
    epochs: tuple[ev.InputsRecorded, ...] = ()
    """What determines the metric beside the editable files, of each evaluation epoch, as last
    recorded; empty before it is known.
    """
    is_probing: bool = False
    """True while the run command is tried with an unusable editable file, before the baseline."""
    edit_use: EditUse | None = None
    """Whether runs use the edited file, as the last such try showed; None: none was made."""
    pending_overrules: tuple[int, ...] = ()
    """Numbers of overruled experiments whose new verdict the branch does not show yet, oldest
    first.
    """
    drafting: Spending = Spending()
    """Cost of the language-model calls so far for the experiment that has not begun yet."""
    machine: ev.DevicesSampled | None = None
    """The newest recorded sample of the machine's load; None before the first."""
    latest_patch: str = ""
    """The newest experiment's patch; those of older ones are in the experiments' directories."""
    latest_reasoning: str = ""

    # ---- queries

    @property
    def is_used_up(self) -> bool:
        """True once as many experiments are finished as `config.max_experiments` allows."""
        most = self.config.max_experiments
        return most is not None and self.counts.total >= most

    @property
    def finished(self) -> int:
        """Number of experiments that have a verdict."""
        return len(self.experiments) - (self.current is not None)

    @property
    def suggested_limit(self) -> int:
        """A higher `max_experiments` to continue with: twice those finished, at least ten more."""
        return self.counts.total + max(10, self.counts.total)

    @property
    def direction(self) -> Direction:
        """The direction in which the metric improves, from the config."""
        return self.config.direction

    @property
    def current(self) -> Experiment | None:
        """The newest experiment while it has no verdict; None between two experiments."""
        if self.experiments and self.experiments[-1].verdict is None:
            return self.experiments[-1]
        return None

    @property
    def in_training(self) -> Experiment | None:
        """The experiment whose run's end is not recorded yet; None where nothing runs."""
        one = self.current if self.repeating is None else self.experiment(self.repeating)
        return one if one is not None and one.runs and one.runs[-1].outcome is None else None

    @property
    def active(self) -> Experiment | None:
        """The experiment that is being worked on: whose run trains, else the newest without a
        verdict; None between two experiments.
        """
        return self.in_training or self.current

    @property
    def running(self) -> Run | None:
        """The training run whose end is not recorded yet; None where nothing runs."""
        one = self.in_training
        return one.runs[-1] if one is not None else None

    @property
    def baseline(self) -> Experiment | None:
        """Experiment 1 once it has a measurement; None before that."""
        if self.experiments and self.experiments[0].measurement is not None:
            return self.experiments[0]
        return None

    @property
    def best(self) -> Experiment | None:
        """The experiment whose value is to be beaten (incumbent); None before a kept baseline."""
        return None if self.incumbent is None else self.experiment(self.incumbent)

    @property
    def epoch(self) -> int:
        """The number of the evaluation epoch, from 1; values of others are not comparable."""
        return self.epochs[-1].epoch if self.epochs else 1

    @property
    def is_best_outdated(self) -> bool:
        """True while the incumbent was not measured in the present evaluation epoch."""
        return self.best is not None and self.best.epoch != self.epoch

    @property
    def best_metric(self) -> float | None:
        """The metric's value of the incumbent experiment in the present evaluation epoch.

        None before a kept baseline, and before the incumbent is measured in a new epoch.
        """
        return self.best.value if self.best is not None and not self.is_best_outdated else None

    @property
    def reference(self) -> float | None:
        """The value that total gains are measured from; None before there is one.

        It is the baseline's, or in a later evaluation epoch that of its first incumbent.
        """
        if self.baseline is not None and self.baseline.epoch == self.epoch:
            return self.baseline.value
        fresh = [
            (run.started_at, e.number, run.metric)
            for e in self.experiments
            for run in e.runs
            if run.epoch == self.epoch and run.purpose is RunPurpose.FRESH
            if run.metric is not None and not run.doubted
        ]
        first = min(fresh, default=None)
        return None if first is None else fmean(m for _, n, m in fresh if n == first[1])

    @property
    def total_gain(self) -> float | None:
        """Gain of the incumbent over the baseline, positive is better; None without both.

        In a later evaluation epoch it is the gain since that epoch began.
        """
        best, reference = self.best_metric, self.reference
        if best is None or reference is None:
            return None
        return self.direction.gain(best, reference)

    @property
    def state(self) -> SessionState:
        """What the session's loop is doing, as shown on the screens."""
        if self.ended is not None:
            return SessionState.ENDED
        if self.running is not None:
            return SessionState.RUNNING
        if self.pause is not None:
            return SessionState.PAUSED
        current = self.current
        if current is not None:
            if self.is_probing and current.run is None:
                return SessionState.PROBING
            return SessionState.DECIDING if current.measurement else SessionState.STARTING
        if self.is_full_of_questions:
            return SessionState.ASKING
        return SessionState.PROPOSING if self.experiments else SessionState.STARTING

    @property
    def is_full_of_questions(self) -> bool:
        """True where too many questions are open: nothing runs before one is answered or parked."""
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
        """The number of asked and parked proposals queued since the newest experiment began."""
        return sum(q.after >= len(self.experiments) for q in (*self.asked, *self.parked))

    @property
    def autonomy(self) -> Autonomy:
        """The autonomy in force: the one the user set during the session, else the config's."""
        return self.autonomy_set or self.config.autonomy

    @property
    def asked(self) -> tuple[Queued, ...]:
        """Queued proposals with an open question to the user, oldest first."""
        return tuple(q for q in self.queue if q.state is QueueState.ASKED)

    @property
    def parked(self) -> tuple[Queued, ...]:
        """Queued proposals whose question was not answered in time, oldest first."""
        return tuple(q for q in self.queue if q.state is QueueState.PARKED)

    @property
    def in_question(self) -> tuple[Queued, ...]:
        """Proposals that the user may decide on: those asked about now, then the parked ones."""
        return (*self.asked, *self.parked)

    @property
    def held(self) -> tuple[Experiment, ...]:
        """Experiments with a surprising result that waits for the user, oldest first."""
        return tuple(self.experiment(number) for number in self.held_numbers)

    @property
    def ready(self) -> tuple[Queued, ...]:
        """Queued proposals that may run, next first: approved, started by the user, the agent's."""
        able = [q for q in self.queue if q.state is QueueState.READY]
        return tuple(sorted(able, key=lambda q: (not q.approved, q.origin is Origin.AGENT)))

    @property
    def waiting_pins(self) -> tuple[Pin, ...]:
        """Pins that still have to be tried, next first."""
        return tuple(pin for pin in self.pins if pin.waits)

    def waiting_patch(self, patch_id: str) -> Queued | None:
        """Return the queued proposal with exactly this patch_id; None where there is none."""
        return next((q for q in self.queue if q.proposal.patch_id == patch_id), None)

    def canonical_commit(self, commit: str) -> str:
        """Return the session's earliest commit with the same editable file as the commit.

        The commit itself where none came earlier.
        """
        return self.aliases.get(commit, commit)

    @property
    def open_wait(self) -> Waiting | None:
        """The wait for the agent that no event has ended; None where there is none.

        Its time may be over.
        """
        ended = self.waiting is not None and 0 < self.waiting.ends_after < self.seq
        return None if ended else self.waiting

    def seconds_to_wait(self, now: datetime) -> float:
        """Return the seconds until a failed agent is asked again, by the machine's clock.

        0 where it may be asked now. The engine measures by `engine.loop.waits` instead.
        """
        wait = self.open_wait
        return max(0.0, (wait.until - now).total_seconds()) if wait is not None else 0.0

    @property
    def saved_seconds(self) -> float:
        """The seconds of runs that early stops have saved."""
        return sum(run.saved_seconds for e in self.experiments for run in e.runs)

    def experiment(self, number: int) -> Experiment:
        """Return the experiment with that number, counted from 1.

        Raises:
            KeyError: No experiment has it.
        """
        if not 1 <= number <= len(self.experiments):
            raise KeyError(number)
        return self.experiments[number - 1]

    # ---- copies with changes, for the handlers

    def with_(self, event: ev.Event, **changes: Any) -> Session:
        """Return a copy with the given fields changed, at the event's sequence number and time."""
        return replace(self, seq=event.seq, at=event.at, **changes)

    def change(self, event: ev.Event, number: int, **changes: Any) -> Session:
        """Return a copy with the given fields of experiment `number` changed.

        `event` gives the sequence number and time of the copy.
        """
        old = self.experiments[number - 1]
        return replace(
            self,
            seq=event.seq,
            at=event.at,
            experiments=self.experiments.replace(number - 1, replace(old, **changes)),
        )

    def change_run(self, event: ev.Event, number: int, run: int, **changes: Any) -> Session:
        """Return a copy with the given fields of run `run` of experiment `number` changed.

        `event` gives the sequence number and time of the copy.
        """
        runs = self.experiments[number - 1].runs
        new = tuple(replace(r, **changes) if r.number == run else r for r in runs)
        return self.change(event, number, runs=new)
