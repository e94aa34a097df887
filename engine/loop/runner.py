"""Runs one experiment: starts or adopts its process, watches it, classifies its end, measures."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.core import events as ev
from engine.core.breaches import find_breaches
from engine.core.comparability import find_incomparable, keeps_speed
from engine.core.edit_use import same_file
from engine.core.enums import AlarmKind, Origin, Outcome, Phase, RunPurpose, StopMode, Verdict
from engine.core.equal_results import equal_results
from engine.core.errors import EnvironmentProblem, JournalError
from engine.core.input_rules import shorten
from engine.core.outcome import EARLY_STOP, Classified, classify, ending_of
from engine.core.records import Experiment, Run
from engine.core.run_log.metric_rule import LAST, MetricRule
from engine.core.run_log.progress import LogProgress
from engine.core.run_log.reader import RunLog
from engine.core.surprise import find_surprises
from engine.core.text import one_line
from engine.core.verdict import find_doubts, uncounted_seconds
from engine.executors.environment import withheld_names
from engine.executors.local import ExitReport, RunHandle, RunSecret
from engine.loop.context import SessionContext
from engine.loop.early_stop import EarlyStopping
from engine.loop.evaluation_inputs import EvaluationInputs
from engine.loop.log_follower import LogFollower
from engine.loop.program_versions import ProgramVersions
from engine.loop.run_monitor import FinishedRun, RunMonitor
from engine.loop.run_place import SLOT, RunPlace
from engine.loop.stall import Stall, machine_error
from engine.protocol.messages import Progress
from engine.store.missing_data import find_missing, link_advice
from engine.store.run_data import choose_data
from engine.store.run_files import point_run_log, take_leftovers
from engine.store.worktree import remove_worktree

_NOT_COMPARABLE = "not comparable"
"""The beginning of the detail of a run that is made again because of its speed."""
CURVE_POINTS = 20
"""The most points of a run's loss curve that the journal records."""
_SILENT_START_SECONDS = 30.0


class Runner:
    """Runs experiments one at a time in the slot's git worktree.

    Args:
        context: The session's journal, workspace, files and agent.
        place: The worktree where the runs happen.
        program: Looks at program.md before and after each run, which may change it.
        stall: Tells the clients where a run's report waits for the disk.
        inputs: Notices where something else than the edit changes the metric.
    """

    def __init__(
        self,
        context: SessionContext,
        place: RunPlace,
        program: ProgramVersions,
        stall: Stall,
        inputs: EvaluationInputs,
    ) -> None:
        self._context = context
        self._place = place
        self._program = program
        self._stall = stall
        self._inputs = inputs
        self._early_stop = EarlyStopping(context)
        self._handle: RunHandle | None = None
        self._has_install = False
        """Whether the last run left the worktree installed in the user's environment."""
        self._unstarted: tuple[Run, RunSecret] | None = None
        """The run whose process could not be started after its event was recorded."""
        self._directory_times: dict[str, int] | None = None
        """Modification times of the worktree's directories before the run; None where it was
        adopted.
        """
        self.progress: Progress | None = None
        """The current run's newest progress, for clients that attach late; None if it has none."""

    @property
    def pid(self) -> int | None:
        """The process id of the current run's supervisor; None where nothing runs."""
        return self._handle.pid if self._handle is not None else None

    def kill(self) -> bool:
        """Kill the current run's whole process tree.

        Returns:
            True where a run was killed; False where nothing runs.
        """
        if self._handle is None:
            return False
        self._handle.kill()
        return True

    async def start(self, experiment: Experiment, purpose: RunPurpose = RunPurpose.TRIAL) -> None:
        """Check out an experiment's commit in the worktree and start its training process.

        Nothing is started where the user paused, stopped or skipped the experiment meanwhile, or
        where a new evaluation epoch begins, in which the incumbent is to be run first.

        Args:
            experiment: The experiment to run.
            purpose: What the run is made for.

        Raises:
            EnvironmentProblem: The process cannot be started, or a locked file changed.
        """
        context, session = self._context, self._context.session
        number, run = experiment.number, len(experiment.runs) + 1
        directory = context.layout.run(number, run)
        await self._inputs.before_run()
        if context.session.is_best_outdated and number != context.session.incumbent:
            return
        found, times = await self._place.prepare(experiment)
        now = context.session
        if now.pause or now.stop or now.experiment(number).skipped is not None:
            return
        self._check_locked(found)
        self._directory_times = times
        secret = RunSecret()
        self._program.refresh()
        context.record(
            ev.RunStarted(
                experiment=number,
                run=run,
                slot=SLOT,
                command=session.config.command,
                directory=directory.relative_to(context.workspace.path).as_posix(),
                deadline_seconds=session.config.deadline_seconds,
                report_digest=secret.digest,
                purpose=purpose,
            )
        )
        self._start_process(context.session.experiment(number).runs[-1], secret)

    def _start_process(self, run: Run, secret: RunSecret) -> None:
        directory = self._context.workspace.path / run.directory
        self._unstarted = run, secret
        self._handle = self._place.start(
            directory, deadline_seconds=run.deadline_seconds, secret=secret
        )
        self._unstarted = None
        point_run_log(self._context.workspace.path, directory / "run.log")

    async def watch(self, experiment: Experiment, run: Run) -> None:
        """Watch a run until it ends, then record its outcome and its measurement.

        A run of an earlier engine is adopted first, or recorded as interrupted if it is gone.
        """
        number = experiment.number
        if self._handle is None and self._unstarted is not None and self._unstarted[0] == run:
            self._start_process(*self._unstarted)
        handle = self._handle or self._open(run)
        if self._handle is None and not self._adopt(experiment, run, handle):
            await handle.end(lambda message: self._alarm_of_run(number, message))
            await self._end(
                experiment,
                run,
                _lost(handle, "the machine or the run's supervisor went away"),
                None,
            )
            return
        self._handle = handle
        monitor = RunMonitor(
            handle,
            self._context.session.config,
            deadline_seconds=run.deadline_seconds,
            rule=self._rule(experiment),
            on_progress=lambda progress: self._watch_progress(experiment, run, progress, monitor),
            on_alarm=lambda message: self._alarm_of_run(number, message),
            on_report_waits=lambda: self._stall.begin(
                f"Run #{number} has ended, and its report is not written: is the disk full?"
            ),
        )
        finished = await monitor.follow()
        self._place.read_metric_file(finished.log, handle.directory)
        advice = await self._context.in_git_thread(self._missing_data, finished)
        ended = self._classify(experiment, handle, finished, advice)
        await self._end(experiment, run, ended, finished)
        install = await self._context.in_git_thread(self._place.find_install)
        if install is not None and not self._has_install:
            message = (
                f"#{number} installed its worktree, which is temporary: {install} names it. When "
                "the session has ended, install the project again in your checkout. Leave the "
                "installation out of the run command."
            )
            self._context.alarm(AlarmKind.RUN, message, experiment=number)
        self._has_install = install is not None

    async def measure_again(self, experiment: Experiment, run: Run) -> None:
        """Record the measurement of a run whose engine was killed before it could.

        The run counts as interrupted, and is run again, where its files or its result are gone.
        """
        number, handle = experiment.number, self._open(run)
        report = handle.report()
        if report is None:
            self._lose(number, run, _lost(handle, "its files are gone").detail)
            return
        log = LogFollower(handle, self._rule(experiment)).read_all()
        self._place.read_metric_file(log, handle.directory, kept=True)
        if log.metric_value is None or not math.isfinite(log.metric_value):
            self._lose(experiment.number, run, "its log no longer shows its result")
            return
        changed = await self._changed_locked(experiment)
        self._measure(experiment.number, run.number, log, report, changed)

    def _rule(self, experiment: Experiment) -> MetricRule:
        """Return the rule by which the metric of an experiment's run is read."""
        session = self._context.session
        rule, baseline = session.config.metric_rule, session.baseline
        measurement = baseline.measurement if baseline is not None else None
        if measurement is None or experiment.is_baseline or rule.pick != LAST:
            return rule
        return replace(rule, lead=measurement.metric_lead)

    def _lose(self, number: int, run: Run, why: str) -> None:
        """Record a run as interrupted because its result is gone; the experiment is run again."""
        self._context.record(
            ev.RunEnded(experiment=number, run=run.number, outcome=Outcome.INTERRUPTED, detail=why)
        )

    # ---- start

    def _check_locked(self, found: dict[str, str]) -> None:
        locked = self._context.session.locked
        if locked is None:
            # The worktree was made for this run: it holds what is committed.
            self._context.record(ev.LockedFilesHashed(files=found))
        elif _differences(found, locked):
            raise EnvironmentProblem(
                "A locked file changed while nothing ran: "
                f"{', '.join(_differences(found, locked))}.",
                "Values measured with it could not be compared with earlier ones.",
                "Restore it, or start a session with another --tag.",
            )

    def _open(self, run: Run) -> RunHandle:
        return RunHandle(
            self._context.workspace.path / run.directory,
            report_digest=run.report_digest,
            started_at=run.started_at.timestamp(),
        )

    def _adopt(self, experiment: Experiment, run: Run, handle: RunHandle) -> bool:
        """Take over a run of an earlier engine; return False where it is gone without a report."""
        if not handle.alive() and handle.report() is None:
            return False
        self._context.record(ev.RunAdopted(experiment=experiment.number, run=run.number))
        if run.kill_requested or self._context.session.stop is StopMode.NOW:
            handle.kill()
        return True

    def _alarm_of_run(self, number: int, message: str) -> None:
        self._context.alarm(AlarmKind.RUN, f"run #{number}: {message}", experiment=number)

    # ---- progress

    def _watch_progress(
        self, experiment: Experiment, run: Run, progress: LogProgress, monitor: RunMonitor
    ) -> None:
        """Publish and record a run's progress; stop the run where it is too far behind."""
        self._progressed(experiment.number, run.number, progress, monitor.elapsed_seconds)
        if self._early_stop.is_due(experiment, run, monitor.curve, monitor.elapsed_seconds):
            monitor.stop_early()

    def _progressed(self, number: int, run: int, progress: LogProgress, elapsed: float) -> None:
        session = self._context.session
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
            return  # JSON has no NaN; the outcome of the run tells it
        curve = session.running.curve
        if not curve or progress.share - curve[-1].share >= 1 / CURVE_POINTS:
            point = ev.RunProgressed(
                experiment=number, run=run, share=progress.share, loss=progress.loss
            )
            try:
                self._context.record(point)
            except JournalError as error:
                if machine_error(error) is None:
                    raise
                # The next poll records it; the run must be watched all the time.

    # ---- end

    def _missing_data(self, finished: FinishedRun) -> str:
        """Return how to bring files that a run lacked and the user has; empty if it lacked none."""
        report, log, workspace = finished.report, finished.log, self._context.workspace
        if report is None or (report.exit_code == 0 and log.metric_value is not None):
            return ""
        place = self._place.directory
        names = find_missing(f"{log.traceback}\n{log.tail}", workspace, place)
        config = self._context.session.config
        return link_advice(names, choose_data(workspace, config), config) if names else ""

    def _classify(
        self, experiment: Experiment, handle: RunHandle, finished: FinishedRun, missing_data: str
    ) -> Classified:
        report, log, session = finished.report, finished.log, self._context.session
        killed_by: str | None = report.killed_by if report is not None else None
        if (report is None or killed_by == "request") and finished.killed_by is not None:
            killed_by = finished.killed_by
        behind = session.experiment(experiment.number).runs[-1].behind
        if killed_by == "request" and behind is not None and behind.stops:
            killed_by = EARLY_STOP  # the engine that stopped it is gone
        if report is None and killed_by is None:
            return _lost(handle, "the run's supervisor was killed")
        return classify(
            ending_of(
                log,
                exit_code=report.exit_code if report is not None else None,
                signal=report.signal if report is not None else None,
                killed_by=killed_by,
                base_works=session.baseline is not None,
                edit="" if experiment.is_baseline else session.latest_patch,
                disk_error=report.disk_error if report is not None else "",
                withheld=withheld_names(self._context.environ, session.config.pass_env),
                missing_data=missing_data,
            )
        )

    async def _end(
        self, experiment: Experiment, run: Run, ended: Classified, finished: FinishedRun | None
    ) -> None:
        number, report = experiment.number, finished.report if finished is not None else None
        changes = await self._inputs.after_run(number)
        if changes and not run.kill_requested:
            why = f"the data, packages or devices changed while it ran: {shorten(changes)}"
            ended = Classified(Outcome.INTERRUPTED, why)
        elif ended.outcome is Outcome.FINISHED and finished is not None and report is not None:
            why = self._incomparable(experiment, _measurement(finished.log, report))
            if why and not any(_NOT_COMPARABLE in r.detail for r in experiment.runs):
                ended = Classified(Outcome.INTERRUPTED, f"{_NOT_COMPARABLE}: {why}")
                message = f"#{number} is run again, since it is {_NOT_COMPARABLE}: {why}"
                self._context.alarm(AlarmKind.RUN, message, experiment=number)
        self._context.record(
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
        self._handle = self.progress = None
        self._program.refresh()
        changed = await self._changed_locked(experiment)
        await self._context.in_git_thread(
            take_leftovers,
            self._context.workspace,
            self._place.worktree,
            experiment.commit,
            self._context.layout.run(number, run.number),
            self._directory_times,
        )
        self._directory_times = None
        self._place.clear_bytecode()
        if ended.outcome is Outcome.FINISHED and finished is not None and report is not None:
            written = await self._context.in_git_thread(self._inputs.written_by, run)
            self._measure(number, run.number, finished.log, report, (*changed, *written))
            if experiment.is_baseline and run.purpose is RunPurpose.TRIAL:
                await self._inputs.learn(run, afresh=True)
        elif changed:
            message = f"run #{number} changed {', '.join(changed)}"
            self._context.alarm(AlarmKind.TAMPER, message, experiment=number)

    async def _changed_locked(self, experiment: Experiment) -> tuple[str, ...]:
        locked = self._context.session.locked
        if locked is None:
            # The run was adopted from an engine of an earlier version.
            untouched = self._context.layout.scratch("untouched")
            locked, _ = await self._place.prepare(experiment, untouched)
            await self._context.in_git_thread(remove_worktree, self._context.workspace, untouched)
            self._context.record(ev.LockedFilesHashed(files=locked))
        return _differences(self._place.hash_locked(self._place.directory), locked)

    def _measure(
        self, number: int, run: int, log: RunLog, report: ExitReport, changed: tuple[str, ...]
    ) -> None:
        measurement = _measurement(log, report)
        doubts = find_doubts(
            measurement,
            # The run's own clock includes time in which the machine was suspended.
            wall_seconds=max(report.seconds, report.ended_at - report.started_at),
            summaries=log.separators,
            distinct_values=len(set(log.summary_values)),
            changed_locked=changed,
            log_rewritten=report.log_rewritten,
            used_instead=self._used_instead(number, run),
            process_seconds=report.seconds,
            baseline_uncounted=self._baseline_uncounted(number),
        )
        best = self._context.session.best
        breaches = find_breaches(
            self._context.session.config.guards,
            measurement,
            best.measurement if best is not None else None,
        )
        # A run that breaks a guardrail is discarded, so that there is nothing to ask.
        surprises = () if breaches else self._find_surprises(number, measurement, report, log)
        was_equal = equal_results(self._context.session)
        self._context.record(
            ev.Measured(
                experiment=number,
                run=run,
                measurement=measurement,
                doubts=doubts,
                surprises=surprises,
                breaches=breaches,
            )
        )
        if doubts:
            message = f"#{number}: {'; '.join(doubts)}"
            self._context.alarm(AlarmKind.DOUBT, message, experiment=number)
        elif surprises:
            message = f"#{number} is held for you: {'; '.join(surprises)}"
            self._context.alarm(AlarmKind.DOUBT, message, experiment=number)
        equal = equal_results(self._context.session)
        if equal and equal != was_equal:
            numbers = ", ".join(f"#{n}" for n in equal)
            message = (
                f"{numbers} have different code and exactly the same {log.metric}. Do the runs use "
                "the edited code, and does the metric depend on it?"
            )
            self._context.alarm(AlarmKind.DOUBT, message, experiment=number)

    def _baseline_uncounted(self, number: int) -> float | None:
        """Return the baseline's seconds outside its training; None for itself or if unknown."""
        baseline = self._context.session.baseline
        if baseline is None or baseline.number == number or baseline.measurement is None:
            return None
        if baseline.run is None or baseline.run.seconds <= 0:
            return None
        return uncounted_seconds(baseline.measurement, baseline.run.seconds)

    def _used_instead(self, number: int, run: int) -> str:
        """Return the copy of the edited file that a run used instead of it; "" where it did not."""
        trace = self._place.trace(self._context.layout.run(number, run))
        missing = (name for name in self._place.edited if name not in trace.edited)
        copies = (same_file(name, trace.others, self._place.checkout) for name in missing)
        return next(filter(None, copies), "")

    def _find_surprises(
        self, number: int, measurement: ev.Measurement, report: ExitReport, log: RunLog
    ) -> tuple[str, ...]:
        session = self._context.session
        experiment, baseline = session.experiment(number), session.baseline
        decided = experiment.verdict is not None or experiment.forced is not None
        if decided or experiment.origin is Origin.CONFIRM:
            return ()  # it has its verdict, the user has decided, or it is not kept anyway
        kept = (
            e
            for e in session.experiments
            if e.effective_verdict is Verdict.KEEP and e.epoch == session.epoch
        )
        last = baseline.run if baseline is not None else None
        found = find_surprises(
            session.direction,
            measurement.metric,
            session.best_metric,
            kept_gains=[e.gain for e in kept if e.gain is not None],
            budget_seconds=session.config.budget_seconds,
            seconds=report.seconds,
            baseline_seconds=last.seconds if last is not None else 0.0,
            loss=_last_loss(experiment.run),
            incumbent_loss=_last_loss(best.run if (best := session.best) is not None else None),
        )
        why = self._incomparable(experiment, measurement)
        slow = (f"{_NOT_COMPARABLE}, twice: {why}",) if why else ()
        return (*found, *slow, *_find_stray(log))

    def _incomparable(self, experiment: Experiment, measurement: ev.Measurement) -> str:
        """Return why a run is not comparable with the one of equal work before it; "" if it is."""
        session, own = self._context.session, experiment.measurement
        if own is not None and experiment.epoch == session.epoch:
            return find_incomparable(measurement, own)  # the same code
        best, proposal = session.best, experiment.proposal
        changed = max(proposal.added, proposal.removed)
        neutral = keeps_speed(proposal.knobs, is_whole_edit=changed <= len(proposal.knobs))
        if best is None or best.measurement is None or not neutral:
            return ""
        return find_incomparable(measurement, best.measurement)


def _measurement(log: RunLog, report: ExitReport) -> ev.Measurement:
    metric = log.metric_value
    assert metric is not None  # a finished run has one, by its classification
    peak_mb = log.figure("peak_vram_mb")
    steps = log.figure("num_steps")
    return ev.Measurement(
        metric=metric,
        memory_gb=peak_mb / 1024 if peak_mb else report.peak_rss_bytes / 2**30,
        training_seconds=log.figure("training_seconds"),
        total_seconds=log.figure("total_seconds"),
        steps=int(steps) if steps is not None and abs(steps) < 2**53 else None,
        tokens_millions=log.figure("total_tokens_M"),
        params_millions=log.figure("num_params_M"),
        summary=dict(log.summary),
        metric_lead=log.lead,
    )


def _last_loss(run: Run | None) -> float | None:
    return run.curve[-1].loss if run is not None and run.curve else None


def _find_stray(log: RunLog) -> tuple[str, ...]:
    """Return a sentence about a value that is printed in another kind of line after the result."""
    stray = log.choice.stray
    if stray is None:
        return ()
    return (
        f"line {stray.line} of its log gives {stray.value.printed} after the result, in another "
        f"form than the baseline: {one_line(stray.text, 80)}",
    )


def _lost(handle: RunHandle, gone: str) -> Classified:
    """Return the outcome of a run without a report that counts.

    Args:
        handle: The run, which is not alive.
        gone: What happened to it where its files are not damaged.
    """
    fault = handle.report_fault
    return Classified(Outcome.INTERRUPTED, f"its files are damaged: {fault}" if fault else gone)


def _state(progress: Progress) -> tuple[object, ...]:
    """Return the parts of a run's progress that a client must be told of: all but elapsed time."""
    return (progress.phase, progress.step, progress.share, progress.loss)


def _differences(now: dict[str, str], before: dict[str, str]) -> tuple[str, ...]:
    # Earlier versions recorded linked data with a word before the hash.
    before = {name: digest.removeprefix("data ") for name, digest in before.items()}
    names = now.keys() | before.keys()
    return tuple(sorted(n for n in names if now.get(n) != before.get(n)))
