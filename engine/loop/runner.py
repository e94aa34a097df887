"""One run, from worktree to measurement: started or adopted, watched, classified, measured."""

from __future__ import annotations

import math
import time
from pathlib import Path

from engine.core import events as ev
from engine.core.enums import PROGRAM, AlarmKind, Outcome, Phase, StopMode
from engine.core.errors import EnvironmentProblem
from engine.core.outcome import Classified, Ending, classify
from engine.core.records import Experiment, Run
from engine.core.verdict import find_doubts
from engine.executors.local import (
    ExitReport,
    RunHandle,
    find_run,
    kill_strays,
    run_environment,
    start_run,
)
from engine.loop.context import SessionContext
from engine.loop.run_monitor import RunWatch, Watched
from engine.protocol.messages import Progress
from engine.store.run_files import (
    directory_times,
    hash_locked,
    link_data,
    point_run_log,
    take_leftovers,
)
from engine.store.run_log import LogProgress, RunLog

CURVE_POINTS = 20
"""At most so many points of a run's loss curve reach the journal."""
SLOT = 0
_SILENT_START_SECONDS = 30.0


class Runner:
    """Runs experiments one at a time in the slot's worktree."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._handle: RunHandle | None = None
        self._locked: dict[str, str] | None = None
        self._directory_times: dict[str, int] | None = None
        """The times of the worktree's directories before the current run; None where adopted."""
        self.progress: Progress | None = None
        """The newest state of the current run, for a client that attaches in its middle."""

    @property
    def pid(self) -> int | None:
        """The supervisor of the current run."""
        return self._handle.pid if self._handle is not None else None

    def kill(self) -> bool:
        """End the current run's whole tree; False when nothing runs."""
        if self._handle is None:
            return False
        self._handle.kill()
        return True

    @property
    def _worktree(self) -> Path:
        return self._context.layout.worktree(SLOT)

    def start(self, experiment: Experiment) -> None:
        """Put the candidate into the worktree and start its training process.

        Raises:
            EnvironmentProblem: The machine does not let it start.
        """
        session, a = self._context.session, self._context
        number, run = experiment.number, len(experiment.runs) + 1
        directory = a.layout.run(number, run)
        place = a.workspace.place(self._worktree, experiment.commit)
        link_data(a.workspace, place, session.config, a.submodules)
        self._check_locked(place)
        self._directory_times = directory_times(self._worktree)
        a.note(
            ev.RunStarted(
                experiment=number,
                run=run,
                slot=SLOT,
                command=session.config.command,
                directory=directory.relative_to(a.workspace.path).as_posix(),
                deadline_seconds=session.config.deadline_seconds,
            )
        )
        self._handle = start_run(
            directory,
            command=session.config.command,
            cwd=place,
            environment=run_environment(session.config, a.workspace.path, a.environ),
            deadline_seconds=session.config.deadline_seconds,
            log_cap_bytes=session.config.log_cap_bytes,
        )
        point_run_log(a.workspace.path, directory / "run.log")

    async def watch(self, experiment: Experiment, run: Run) -> None:
        """Follow the run to its end and record how it ended and what it reported."""
        number = experiment.number
        if self._handle is None:
            self._handle = self._adopt(experiment, run)
        if self._handle is None:
            kill_strays(self._context.workspace.path / run.directory)
            gone = Classified(Outcome.INTERRUPTED, "the machine or the run's supervisor went away")
            self._end(number, run, gone, None)
            return
        experiments = self._context.session.experiments
        watch = RunWatch(
            self._handle,
            self._context.session.config,
            expects_progress=any(r.curve for e in experiments[:3] for r in e.runs),
            on_progress=lambda progress: self._progressed(number, run.number, progress),
        )
        watched = await watch.follow()
        self._handle = self.progress = None
        if watched.report is None:
            kill_strays(self._context.workspace.path / run.directory)
        self._end(number, run, self._classify(experiment, watched), watched)

    def measure_again(self, experiment: Experiment, run: Run) -> None:
        """Read the log of a run whose engine was killed between its end and its measurement."""
        handle = find_run(self._context.workspace.path / run.directory)
        report = handle.report() if handle is not None else None
        if handle is None or report is None:
            self._lose(experiment.number, run, "its files are gone")
            return
        watch = RunWatch(
            handle, self._context.session.config, expects_progress=False, on_progress=lambda _: None
        )
        log = watch.read_all()
        if log.metric_value is None or not math.isfinite(log.metric_value):
            self._lose(experiment.number, run, "its log does not show its result any more")
            return
        self._measure(experiment.number, run.number, log, report, self._changed_locked())

    def _lose(self, number: int, run: Run, why: str) -> None:
        """A run whose result is gone: it is no evidence, and is run again."""
        self._context.note(
            ev.RunEnded(experiment=number, run=run.number, outcome=Outcome.INTERRUPTED, detail=why)
        )

    # ---- the beginning

    def _check_locked(self, place: Path) -> None:
        found = self._hash_locked(place)
        if self._locked is None:
            self._locked = found
        elif found != self._locked:
            raise EnvironmentProblem(
                "A locked file changed while no run was on: "
                f"{', '.join(_differences(found, self._locked))}.",
                "What the metric means would change with it.",
                "Put it back, or start a session with another --tag.",
            )

    def _adopt(self, experiment: Experiment, run: Run) -> RunHandle | None:
        handle = find_run(self._context.workspace.path / run.directory)
        if handle is not None:
            self._context.note(ev.RunAdopted(experiment=experiment.number, run=run.number))
            if run.kill_requested or self._context.session.stop is StopMode.NOW:
                handle.kill()
        return handle

    # ---- the middle

    def _progressed(self, number: int, run: int, progress: LogProgress) -> None:
        session = self._context.session
        elapsed = max(0.0, time.time() - self._handle.started_at) if self._handle else 0.0
        phase = progress.phase
        unclear = phase is Phase.STARTING and progress.step is None
        if unclear and session.config.budget_seconds is None and elapsed > _SILENT_START_SECONDS:
            phase = Phase.RUNNING
        message = Progress(
            experiment=number,
            run=run,
            phase=phase,
            elapsed_seconds=elapsed,
            share=progress.share,
            step=progress.step,
            loss=progress.loss,
            tokens_per_second=progress.tokens_per_second,
            remaining_seconds=progress.remaining_seconds,
        )
        if self.progress is None or _state(self.progress) != _state(message):
            self.progress = message
            self._context.publish(message)
        if progress.share is None or progress.loss is None or session.running is None:
            return
        if not math.isfinite(progress.loss):
            return  # JSON has no NaN; the run's end says what became of it
        curve = session.running.curve
        if not curve or progress.share - curve[-1].share >= 1 / CURVE_POINTS:
            self._context.note(
                ev.RunProgressed(
                    experiment=number, run=run, share=progress.share, loss=progress.loss
                )
            )

    # ---- the end

    def _classify(self, experiment: Experiment, watched: Watched) -> Classified:
        report, log, session = watched.report, watched.log, self._context.session
        if report is None:
            return Classified(Outcome.INTERRUPTED, "the run's supervisor was killed")
        killed_by = report.killed_by
        if killed_by == "request" and watched.killed_by is not None:
            killed_by = watched.killed_by
        return classify(
            Ending(
                exit_code=report.exit_code,
                signal=report.signal,
                killed_by=killed_by,
                metric=log.metric_value,
                metric_name=session.config.metric,
                loss=log.progress.loss,
                traceback=log.traceback,
                tail=log.tail,
                saw_fail=log.saw_fail,
                base_works=session.baseline is not None,
                edit="" if experiment.is_baseline else session.latest_patch,
            )
        )

    def _end(self, number: int, run: Run, ended: Classified, watched: Watched | None) -> None:
        report = watched.report if watched is not None else None
        self._context.note(
            ev.RunEnded(
                experiment=number,
                run=run.number,
                outcome=ended.outcome,
                detail=ended.detail,
                todo=ended.todo,
                exit_code=report.exit_code if report is not None else None,
                signal=report.signal if report is not None else None,
                seconds=report.seconds if report is not None else 0.0,
                peak_rss_bytes=report.peak_rss_bytes if report is not None else 0,
            )
        )
        changed = self._changed_locked()
        take_leftovers(
            self._context.workspace,
            self._worktree,
            self._context.layout.run(number, run.number),
            self._context.session.config.link,
            self._directory_times,
        )
        self._directory_times = None
        if ended.outcome is Outcome.FINISHED and watched is not None and report is not None:
            self._measure(number, run.number, watched.log, report, changed)
        elif changed:
            message = f"run #{number} changed {', '.join(changed)}"
            self._context.note(
                ev.AlarmRaised(kind=AlarmKind.TAMPER, message=message, experiment=number)
            )

    def _changed_locked(self) -> tuple[str, ...]:
        place = self._context.workspace.inside_worktree(self._worktree)
        globs = self._context.session.config.locked
        if self._locked is None:
            # Adopted from an earlier engine: the commit says what the files must be.
            changed = self._context.workspace.changed_since_commit(place, globs)
            return tuple(
                n for n in changed if n not in (self._context.session.config.file, PROGRAM)
            )
        return _differences(self._hash_locked(place), self._locked)

    def _hash_locked(self, place: Path) -> dict[str, str]:
        config = self._context.session.config
        found = hash_locked(place, config.locked, config.file)
        # The charter is the person's, and changes when they say so.
        return {name: digest for name, digest in found.items() if name != PROGRAM}

    def _measure(
        self, number: int, run: int, log: RunLog, report: ExitReport, changed: tuple[str, ...]
    ) -> None:
        metric = log.metric_value
        assert metric is not None  # a finished run has one, by its classification
        peak_mb = log.figure("peak_vram_mb")
        steps = log.figure("num_steps")
        measurement = ev.Measurement(
            metric=metric,
            memory_gb=peak_mb / 1024 if peak_mb else report.peak_rss_bytes / 2**30,
            training_seconds=log.figure("training_seconds"),
            total_seconds=log.figure("total_seconds"),
            steps=int(steps) if steps is not None and abs(steps) < 2**53 else None,
            tokens_millions=log.figure("total_tokens_M"),
            params_millions=log.figure("num_params_M"),
            summary=dict(log.summary),
        )
        doubts = find_doubts(
            measurement,
            # The run's own clock may have gone on while the machine slept.
            wall_seconds=max(report.seconds, report.ended_at - report.started_at),
            summaries=log.separators,
            distinct_values=len(set(log.metric_values)),
            changed_locked=changed,
        )
        self._context.note(
            ev.Measured(experiment=number, run=run, measurement=measurement, doubts=doubts)
        )
        if doubts:
            message = f"#{number}: {'; '.join(doubts)}"
            self._context.note(
                ev.AlarmRaised(kind=AlarmKind.DOUBT, message=message, experiment=number)
            )


def _state(progress: Progress) -> tuple[object, ...]:
    """What makes a new state of a run; the clock alone does not."""
    return (progress.phase, progress.step, progress.share, progress.loss)


def _differences(now: dict[str, str], before: dict[str, str]) -> tuple[str, ...]:
    names = now.keys() | before.keys()
    return tuple(sorted(n for n in names if now.get(n) != before.get(n)))
