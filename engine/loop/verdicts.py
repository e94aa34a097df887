"""Judges an experiment after its run, writes its row to the results table, moves the branch."""

from __future__ import annotations

from engine.core import events as ev
from engine.core.analysis.plateau import is_measured_discard, plateau_notice
from engine.core.enums import AlarmKind, Origin, Outcome, RunPurpose, Verdict
from engine.core.errors import AgentError, OverloadedError, RateLimitedError
from engine.core.keep_rule import KeepRule
from engine.core.keep_rule.certainty import calibration_warning
from engine.core.keep_rule.from_session import continues_test, trial_of
from engine.core.records import Experiment, Run
from engine.core.results_row import row_of
from engine.core.verdict import KeepDecision, decide, decide_breach
from engine.loop.context import SessionContext
from engine.loop.early_stop import stop_reason
from engine.loop.experiment import ExperimentSteps
from engine.loop.runner import Runner
from engine.store.results_tsv import ResultsTable, size


class Judge:
    """Gives the verdict on an experiment after its run; records it in results table and branch.

    Args:
        context: The session's journal, workspace, files and agent.
        steps: Changes an edit that crashed or ran out of memory, instead of a verdict.
        runner: Reads a run's log again where the measurement was lost.
        rule: The keep rule.
    """

    def __init__(
        self, context: SessionContext, steps: ExperimentSteps, runner: Runner, rule: KeepRule
    ) -> None:
        self._rule = rule
        self._context = context
        self._steps = steps
        self._runner = runner
        session = context.session
        self._table = ResultsTable(
            context.workspace.path / session.results_file, session.config.metric
        )

    def decision(self, experiment: Experiment, run: Run) -> KeepDecision | None:
        """Return what the keep rule says about an experiment; None where its run has no value."""
        measurement = experiment.measurement
        if run.outcome is not Outcome.FINISHED or run.metric is None or measurement is None:
            return None
        session = self._context.session
        breaches = () if experiment.doubts else experiment.breaches
        measured = (session.config, measurement, session.best_metric)
        decided = decide_breach(*measured, breaches) or decide(
            self._rule,
            trial_of(session, experiment),
            measurement,
            session.config,
            runs=len(experiment.values(RunPurpose.TRIAL)),
            doubts=experiment.doubts,
            surprises=experiment.surprises,
        )
        if experiment.forced is None or experiment.doubts or decided.verdict is Verdict.CRASH:
            return decided
        reason = f"by your verdict on #{experiment.of} ({decided.reason})"
        return KeepDecision(experiment.forced, reason, decided.gain)

    def needs_run(self, experiment: Experiment, run: Run) -> bool:
        """Return whether the keep rule wants another run before the verdict."""
        if self._only_compares(experiment):
            return False
        decided = self.decision(experiment, run)
        return decided is not None and decided.verdict is None and not run.veto

    async def judge(self, experiment: Experiment, run: Run) -> KeepDecision | None:
        """Give and record the verdict on an experiment whose run has ended.

        Instead, a failed edit may be changed to run again, or a lost measurement taken again.

        Returns:
            The decision that asks for another run first; None where there is nothing more to do.

        Raises:
            AgentError: The agent that is to repair the edit is rate limited or overloaded.
        """
        if not run.kill_requested and await self._is_changed(experiment, run):
            return None
        verdict: Verdict | None
        indecisive = False
        if run.outcome is Outcome.FINISHED and run.metric is None:
            await self._runner.measure_again(experiment, run)
            return None
        if run.outcome is Outcome.FINISHED and self._only_compares(experiment):
            verdict, reason, gain = self._compare(experiment)
        elif (decision := self.decision(experiment, run)) is not None:
            verdict, reason, gain = decision.verdict, decision.reason, decision.gain
            indecisive = decision.indecisive
            if verdict is None and not run.veto:
                return decision
            verdict = verdict or Verdict.DISCARD
        elif run.outcome is Outcome.STOPPED_EARLY and not run.kill_requested:
            verdict, reason, gain = Verdict.DISCARD, stop_reason(run), None
        else:
            outcome = run.outcome.value if run.outcome is not None else "unknown"
            if run.kill_requested:
                outcome = f"vetoed: {run.veto}" if run.veto else "interrupted by the user"
            elif experiment.has_failed:
                outcome = f"{outcome} {experiment.lost_runs} times: {run.detail}"
            verdict, reason, gain = Verdict.CRASH, outcome, None
        if run.veto and verdict is Verdict.KEEP:
            # The run finished before it could be killed.
            verdict, reason = Verdict.DISCARD, f"vetoed: {run.veto} ({reason})"
        await self._record(experiment, verdict, reason, gain, indecisive=indecisive)
        if experiment.forced is not None and verdict is not experiment.forced:
            message = (
                f"your verdict on #{experiment.of} could not be carried out: #{experiment.number} "
                f"ended as {verdict.value} ({reason})"
            )
            self._context.alarm(AlarmKind.OVERRULE, message)
        session = self._context.session
        if experiment.is_baseline and (far := calibration_warning(session)):
            self._context.alarm(AlarmKind.NOISE, far)
        counted = is_measured_discard(session.experiment(experiment.number))
        if counted and (flat := plateau_notice(session)):
            self._context.alarm(AlarmKind.PLATEAU, flat)
        return None

    async def give_up(self, experiment: Experiment) -> None:
        """Record an experiment as a crash that the user skipped, or whose steps failed thrice."""
        if experiment.skipped is not None:
            reason = f"skipped by the user: {experiment.skipped}".removesuffix(": ")
        else:
            errors = experiment.step_errors
            reason = f"{len(errors)} steps for it failed, the last one: {errors[-1]}"
        await self._record(experiment, Verdict.CRASH, reason, None)

    async def _record(
        self,
        experiment: Experiment,
        verdict: Verdict,
        reason: str,
        gain: float | None,
        *,
        indecisive: bool = False,
    ) -> None:
        session = self._context.session
        self._context.record(
            ev.VerdictGiven(
                experiment=experiment.number,
                verdict=verdict,
                reason=reason,
                gain=gain,
                indecisive=indecisive,
                results_bytes=size(self._context.workspace.path / session.results_file),
            )
        )
        await self.finish_recording()

    def _only_compares(self, experiment: Experiment) -> bool:
        """Return whether an experiment is a confirmation that keeps nothing."""
        session = self._context.session
        return experiment.origin is Origin.CONFIRM and not continues_test(session, experiment)

    def _compare(self, experiment: Experiment) -> tuple[Verdict, str, float | None]:
        """Return verdict, reason and gain of a confirmation, compared with the first measurement.

        The verdict is never a keep.
        """
        first = self._context.session.experiment(experiment.of).measurement
        fresh = experiment.measurement
        assert first is not None and fresh is not None  # only what was measured is confirmed
        if experiment.doubts:
            return Verdict.DISCARD, f"confirms nothing: {'; '.join(experiment.doubts)}", None
        gain = self._context.session.direction.gain(fresh.metric, first.metric)
        change = (
            "the same" if not gain else f"{'better' if gain > 0 else 'worse'} by {abs(gain):.6f}"
        )
        reason = f"#{experiment.of} again: {fresh.metric:.6f} after {first.metric:.6f}, {change}"
        return Verdict.DISCARD, reason, gain

    async def _is_changed(self, experiment: Experiment, run: Run) -> bool:
        """Change the edit of a failed run; return True where it runs again in this experiment."""
        if run.outcome is Outcome.OUT_OF_MEMORY:
            return await self._steps.halve_batch(experiment)
        session = self._context.session
        if run.outcome is not Outcome.CODE_CRASH or session.stop or session.pause:
            return False
        try:
            return await self._steps.repair(experiment)
        except (RateLimitedError, OverloadedError):
            raise
        except AgentError as error:
            message = f"#{experiment.number} could not be repaired: {error.what}"
            self._context.alarm(AlarmKind.REPAIR, message, experiment=experiment.number)
            return False

    def unrecorded(self) -> bool:
        """Return True while the last verdict is missing from the results table or the branch."""
        experiments = self._context.session.experiments
        if not experiments or experiments[-1].verdict is None:
            return False
        last = experiments[-1]
        kept = last.verdict is Verdict.KEEP
        return not last.row_written or (kept and not last.advanced)

    def _write_rows(self) -> None:
        session = self._context.session
        is_new = self.unrecorded() and not session.experiments[-1].row_written
        if not is_new and self._table.is_untouched():
            return
        judged = [e for e in session.experiments if e.row_written]
        written = len(judged)
        if is_new:
            judged.append(session.experiments[-1])
        if not judged:
            return
        rows = [row for row in map(row_of, judged) if row is not None]
        lost = self._table.write(rows, written, judged[0].results_bytes)
        if lost:
            message = f"{session.results_file} {lost}; the rows of this session were put back."
            self._context.alarm(AlarmKind.RESULTS, message)

    async def finish_recording(self) -> None:
        """Write the last verdict's row to the results table and move the branch, if still missing.

        Rows of the table that were changed or removed meanwhile are put back.

        Raises:
            OSError: The results table cannot be written.
            WorkspaceError: The branch cannot be moved.
        """
        self._write_rows()
        if not self.unrecorded():
            return
        session = self._context.session
        last = session.experiments[-1]
        if not last.row_written:
            self._context.record(ev.RowWritten(experiment=last.number, file=session.results_file))
        if last.verdict is Verdict.KEEP and not last.advanced:
            await self._context.in_git_thread(
                self._context.workspace.advance_branch,
                *(session.config.tag, last.commit, session.frontier),
            )
            self._context.record(ev.FrontierAdvanced(experiment=last.number, commit=last.commit))
