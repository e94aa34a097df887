"""Runs the ratchet: looks at the session's state, does the one step that is next, and repeats.

Steps are: settle an overrule, propose, commit, start, watch, judge, record. Each one records an
event before it acts, and there is no other state, so a new engine that folds the journal continues
exactly where the last one was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import shlex
from datetime import timedelta

from engine.core import events as ev
from engine.core.analysis.failure_streak import why_to_pause
from engine.core.analysis.stop_conditions import flags_to_continue, why_to_end
from engine.core.enums import AlarmKind, Origin, Outcome
from engine.core.errors import (
    AgentError,
    AllInQuestionError,
    AutoresearchError,
    EnvironmentProblem,
    JournalError,
    WorkspaceError,
)
from engine.core.records import MOST_FAILURES, Experiment, Run
from engine.core.session import MAX_HELD_IN_A_ROW, Session
from engine.loop.agent_call import AgentCalls
from engine.loop.context import SessionContext
from engine.loop.edit_probe import EditProbe
from engine.loop.experiment import ExperimentSteps
from engine.loop.guardrails import check_guardrails
from engine.loop.overrule import EarlierExperiments
from engine.loop.proposal_queue import ProposalQueue
from engine.loop.repeats import Repeats
from engine.loop.retry import AgentFailures
from engine.loop.review import Reviewer
from engine.loop.runner import Runner
from engine.loop.stall import Stall
from engine.loop.verdicts import Judge

_ENVIRONMENT_RETRIES = 2
"""After this many reruns, one more environment failure counts as the edit's own fault."""
_FAILED_IN_A_ROW = 3
"""After this many experiments in a row that could not be run, the loop pauses."""
_CLOCK_SECONDS = 30.0
"""Longest time between two looks at the clock for a time limit."""
_LONGEST_ERROR = 500
_FILE_ERRORS = (
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ENOENT, errno.ENXIO),
    *(errno.EINVAL, errno.ELOOP, errno.EFBIG, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM),
)
"""Errors of what an earlier run left in the place of a file; others are those of the machine."""
_log = logging.getLogger("engine.loop")


class Ratchet:
    """Runs one session's loop: decides which step is next, and does it.

    Args:
        context: The session's journal, workspace, files and agent.
        calls: The agent calls in progress; the session's time limit cancels them.
        failures: Decides whether to wait, retry or pause after an agent's failure.
        reviewer: Parks overdue questions.
        queue: Drafts proposals ahead while runs train.
        steps: Begins and commits experiments.
        probe: Proves before the baseline that runs use the edited file.
        runner: Starts and watches the experiments' training runs.
        judge: Gives verdicts on experiments and records them.
        repeats: Runs experiments again that have their verdict.
        earlier: Makes the branch follow the user's own verdicts.
        stall: Waits while the machine refuses what a step needs.
    """

    def __init__(
        self,
        context: SessionContext,
        calls: AgentCalls,
        failures: AgentFailures,
        reviewer: Reviewer,
        queue: ProposalQueue,
        steps: ExperimentSteps,
        probe: EditProbe,
        runner: Runner,
        judge: Judge,
        repeats: Repeats,
        earlier: EarlierExperiments,
        stall: Stall,
    ) -> None:
        self._context = context
        self._calls = calls
        self._failures = failures
        self._reviewer = reviewer
        self._queue = queue
        self._steps = steps
        self._probe = probe
        self._runner = runner
        self._judge = judge
        self._repeats = repeats
        self._earlier = earlier
        self._stall = stall
        self._wake = asyncio.Event()
        self._accepted_parked = 0
        """The number of parked proposals when the user last resumed; more pause the loop again."""
        self._blocked = False
        """True after a step failed; it is not tried again before the user resumes."""
        context.journal.listen(self._on_event)

    @property
    def session(self) -> Session:
        """The session's state, up to the newest event of the journal."""
        return self._context.session

    def _on_event(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.ExperimentSkipped):
            self._blocked = False
        if isinstance(event, ev.Resumed):
            self._blocked = False
            self._accepted_parked = len(self.session.parked)
        self._wake.set()

    async def run(self) -> None:
        """Do one step after another, and draft proposals ahead, until the session ends.

        Where the machine refuses what a step needs, the step is tried again until it succeeds.

        Raises:
            JournalError: An event cannot be recorded for a reason that will not pass.
        """
        ahead = asyncio.create_task(self._draft_ahead())
        clock = asyncio.create_task(self._watch_time())
        try:
            await self._run_steps(ahead)
        finally:
            clock.cancel()
            ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ahead

    async def _watch_time(self) -> None:
        """Cancel agent calls and wake the loop once a time limit of the session is reached."""
        while not self._context.waits.is_time_over():
            end = self._context.waits.for_end()
            # The timers of asyncio stand still while the machine sleeps.
            await asyncio.sleep(min(end[0], _CLOCK_SECONDS) if end else _CLOCK_SECONDS)
        self._calls.cancel()
        self._wake.set()

    async def _draft_ahead(self) -> None:
        while True:
            try:
                await self._queue.run()
            except (AutoresearchError, OSError) as error:
                if not self._stall.is_due(error):
                    raise
                await self._stall.wait(error)

    async def _run_steps(self, ahead: asyncio.Task[None]) -> None:
        while True:
            try:
                if not await self._wait_for_next_step():
                    return
                if ahead.done():
                    ahead.result()  # the journal cannot be written
                await self._step()
            except (AutoresearchError, OSError) as error:
                if not self._stall.is_due(error):
                    raise
                await self._stall.wait(error)
            else:
                self._stall.end()

    async def _step(self) -> None:
        """Do the step that is next, and pause where it fails for a reason that will not pass."""
        incumbent = self.session.incumbent
        try:
            await self._judge.finish_recording()
            await self._one_step()
            if self.session.incumbent != incumbent:
                check_guardrails(self._context)
        except AllInQuestionError as error:
            self._wait_for_answer(error)
        except AgentError as error:
            self._failures.handle(error)
        except (AutoresearchError, OSError) as error:
            if isinstance(error, JournalError) or self._stall.is_due(error):
                raise
            if isinstance(error, EnvironmentProblem):
                self._block(f"{error.what} {error.why}".strip(), error.todo)
            elif isinstance(error, AutoresearchError):
                self._note_failure(str(error))
                self._block(f"{error.what} {error.why}".strip(), error.todo)
            else:
                self._handle_file_error(error)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            _log.exception("a step failed")
            if self.session.current is None:
                raise
            if not self._note_failure(why):
                self._block(f"A step failed ({why}); see engine.log.", "")

    def _handle_file_error(self, error: OSError) -> None:
        where = f" ({error.filename})" if error.filename else ""
        why = f"{error.strerror or error}{where}"
        if error.errno not in _FILE_ERRORS or not self._note_failure(why):
            self._block(
                f"A file could not be written: {why}.",
                "Free disk space or make the workspace writable, then resume.",
            )

    async def _wait_for_next_step(self) -> bool:
        """Wait until a step may be done: no pause, no wait for the agent, no full set of questions.

        Records the session's end where it is due.

        Returns:
            True where a step is to be done; False where the session has ended.
        """
        while True:
            session = self.session
            current = session.current
            if current is not None and current.skipped is not None and session.running is None:
                return True
            must_finish = self._must_finish()
            if why := self._why_to_end(must_finish):
                self._context.record(ev.SessionEnded(reason=why))
                return False
            wait = self._seconds_to_wait()
            free = session.pause is None and session.stop is None
            # The closing measurement needs neither the agent nor the user.
            ending = current is None and bool(self._why_nothing_begins())
            if wait > 0 and free and not ending and session.running is None:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
                continue
            if free and not ending and self._waits_for_user():
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._reviewer.seconds_to_parking())
                self._reviewer.park_overdue()
                continue
            if session.stop is not None and not must_finish:
                why = session.stop_reason or f"stopped by the user, {session.stop.value}"
                self._context.record(ev.SessionEnded(reason=why))
                return False
            if session.pause is None or must_finish:
                return True
            self._wake.clear()
            await self._wake.wait()

    def _why_to_end(self, must_finish: bool) -> str:
        """Return which stop condition ends the session now; "" where none does.

        One of time also ends it during a pause, or before an experiment's run; the experiment stays
        open, as after a stop. The run under way is finished first.

        Args:
            must_finish: Whether an experiment or overrule must be finished first.
        """
        session = self.session
        if session.stop is not None or must_finish:
            return ""
        if (end := self._context.waits.for_end()) is not None and end[0] <= 0:
            paused = f"; it was paused: {session.pause.reason}" if session.pause else ""
            return f"its time is over: {end[1].text}{paused}"
        open_ends = (
            session.pause is not None
            or session.current is not None
            or self._repeats.closing_due() is not None
            or self._judge.unrecorded()
            or bool(session.pending_overrules)
        )
        return "" if open_ends else self._why_nothing_begins()

    def _why_nothing_begins(self) -> str:
        """Return why no further experiment begins; "" where one may.

        A stop condition is reached, or the time that is left is needed for the closing measurement.
        """
        if why := why_to_end(self.session):
            return why
        end = self._context.waits.for_end()
        if end is None:
            return ""
        left, limit = end
        closing = self._repeats.closing_has_begun(limit.since)
        if not closing and left > self._repeats.seconds_before_end():
            return ""
        return f"its time left no room for another experiment: {limit.text}"

    def _seconds_to_wait(self) -> float:
        """Return the seconds until the next step; 0 where it need not wait for the agent."""
        session = self.session
        if session.current is None and session.ready:
            return 0.0
        return self._context.waits.for_agent()

    def _wait_for_answer(self, error: AllInQuestionError) -> None:
        """Record that the agent is asked again once a question is answered, or else parked.

        Pauses the loop where all questions are parked.
        """
        seconds = self._reviewer.seconds_to_parking()
        if seconds is None:
            self._failures.handle(error)
            return
        until = self._context.waits.now() + timedelta(seconds=seconds)
        reason = f"{error.what} {error.why}".strip()
        self._context.record(ev.AgentWaited(reason=reason, until=until, tries=0, for_answer=True))

    def _waits_for_user(self) -> bool:
        """Return True where no experiment can begin before the user answers an open question."""
        session = self.session
        if session.current is not None or self._judge.unrecorded():
            return False
        return session.is_full_of_questions

    def _must_finish(self) -> bool:
        """Return True where an experiment or overrule must be finished before a pause or stop
        applies.
        """
        current = self.session.current
        if self._blocked:
            return False
        if self.session.repeating is not None:
            return True
        if self.session.pause is None and self._judge.unrecorded():
            return True
        if current is None and self.session.pending_overrules:
            return True
        if current is None or current.run is None or current.run.number <= current.revised_after:
            return False
        rerun = self._is_to_be_rerun(current, current.run)
        return not rerun and not self._judge.needs_run(current, current.run)

    async def _one_step(self) -> None:
        current, repeating = self.session.current, self.session.repeating
        if repeating is not None:
            await self._repeats.go_on(self.session.experiment(repeating))
        elif current is not None and self._is_given_up(current):
            await self._judge.give_up(current)
            self._pause_if_none_runs()
        elif current is None and self.session.pending_overrules:
            await self._earlier.settle()
            self._report_overrule_beyond_limit()
        elif current is None:
            await self._between_experiments()
        elif not current.commit:
            self._failures.reset()
            await self._steps.commit(current)
        elif self._probe.is_due(current):
            await self._probe.run(current)
        elif self._must_measure_incumbent(current):
            await self._repeats.run_incumbent()
        elif current.run is None or self._is_to_be_rerun(current, current.run):
            await self._start_run(current)
        elif current.run.outcome is None:
            await self._runner.watch(current, current.run)
            self._pause_if_needed(self.session.experiment(current.number))
        else:
            wanted = await self._judge.judge(current, current.run)
            self._pause_if_none_runs()
            self._pause_if_all_fail()
            if wanted is not None and wanted.run_incumbent:
                await self._repeats.run_incumbent()
            elif wanted is not None:
                await self._start_run(current)

    def _must_measure_incumbent(self, current: Experiment) -> bool:
        """Return whether the incumbent has no value in the present evaluation epoch yet."""
        trains = current.run is not None and current.run.outcome is None
        return self.session.is_best_outdated and not trains

    async def _between_experiments(self) -> None:
        """Begin the next experiment, or run an earlier one again where that comes first."""
        self._pause_if_many_parked()
        if self.session.pause is not None:
            return
        if self._why_nothing_begins():
            if (last := self._repeats.closing_due()) is not None:
                await self._repeats.run_closing(last)
        elif self._repeats.needs_incumbent():
            await self._repeats.run_incumbent()
        else:
            await self._steps.begin_next()

    async def _start_run(self, experiment: Experiment) -> None:
        """Start an experiment's run; commit its patch again where the commit has vanished.

        Git's own clean-up may delete new objects that nothing referred to at that moment.
        """
        try:
            await self._runner.start(experiment)
        except WorkspaceError as error:
            committed_elsewhere = experiment.is_baseline or experiment.origin is Origin.CONFIRM
            if committed_elsewhere or self._stall.is_due(error):
                raise
            has_commit = self._context.workspace.has_commit
            if await self._context.in_git_thread(has_commit, experiment.commit):
                raise
            await self._steps.commit(experiment)

    def _is_given_up(self, experiment: Experiment) -> bool:
        """Return True where no other step of an experiment is tried, and nothing of it runs."""
        if self.session.running is not None:
            return False
        return experiment.skipped is not None or (
            experiment.has_failed and experiment.lost_runs < MOST_FAILURES
        )

    def _pause_if_none_runs(self) -> None:
        """Pause the loop where several experiments in a row could not be run."""
        last = self.session.experiments[-_FAILED_IN_A_ROW:]
        if len(last) < _FAILED_IN_A_ROW or not all(e.has_failed for e in last):
            return
        cause = last[-1].verdict_reason
        self._context.pause(
            f"the last {_FAILED_IN_A_ROW} experiments could not be run: {cause}",
            "Find out what is wrong with the machine or the workspace, then resume.",
        )

    def _pause_if_all_fail(self) -> None:
        """Pause the loop where the latest experiments ended in the same error, or all crashed."""
        if self.session.current is None and (why := why_to_pause(self.session)):
            self._context.pause(
                why,
                "Read run.log (`autoresearch-tui explain run.log`). Tell the agent what to avoid "
                "(n on the screen, `autoresearch-tui note`) or correct what fails, then resume.",
            )

    def _report_overrule_beyond_limit(self) -> None:
        late = [q for q in self.session.queue if q.origin is Origin.OVERRULE]
        if late and (why := why_to_end(self.session)):
            start = f"autoresearch-tui start {flags_to_continue(self.session)}".rstrip()
            message = (
                f"your verdict on #{late[-1].of} needs a run, but {why}: continue with `{start}` "
                "to have it carried out"
            )
            self._context.alarm(AlarmKind.OVERRULE, message)

    def _pause_if_many_parked(self) -> None:
        session = self.session
        parked, most = len(session.parked), session.config.most_parked
        stuck = session.consecutive_held >= min(most, MAX_HELD_IN_A_ROW)
        if parked >= most and parked > self._accepted_parked and stuck and not session.ready:
            self._context.pause(
                f"{parked} proposals are parked and wait for you",
                "Go through them (w on the screen, or `autoresearch-tui queue`), then resume.",
            )

    def _is_to_be_rerun(self, experiment: Experiment, run: Run) -> bool:
        if run.outcome is not None and run.number <= experiment.revised_after:
            return True
        if run.outcome is Outcome.FINISHED and run.epoch != self.session.epoch:
            return True  # its value could not be compared with the incumbent's
        match run.outcome:
            case Outcome.ENVIRONMENT:
                # The baseline worked, so a failure that repeats is the edit's own fault.
                failed = sum(r.outcome is Outcome.ENVIRONMENT for r in experiment.runs)
                return experiment.is_baseline or failed <= _ENVIRONMENT_RETRIES
            case Outcome.INTERRUPTED:
                given_up = run.kill_requested or experiment.has_failed
                return experiment.is_baseline or not given_up
            case None:
                return False
            case Outcome.FINISHED:
                return experiment.is_baseline and bool(experiment.doubts)
            case _:
                # Without a baseline there is nothing to compare with, so it is run again.
                return experiment.is_baseline

    def _pause_if_needed(self, experiment: Experiment) -> None:
        """Pause the loop where another run of the experiment would fail for the same reason."""
        number, config, run = experiment.number, self.session.config, experiment.run
        if run is None or run.outcome is None:
            return
        detail = run.detail.strip()
        if run.outcome is Outcome.ENVIRONMENT and not self._is_to_be_rerun(experiment, run):
            return
        if run.outcome is Outcome.ENVIRONMENT:
            self._context.pause(f"run #{number}: {detail}", run.todo)
        elif experiment.is_baseline and run.kill_requested:
            self._context.pause("the baseline was killed", "Resume to run it again.")
        elif run.outcome is Outcome.INTERRUPTED:
            outside = experiment.lost_runs
            stays = experiment.is_baseline and self.session.stop is None
            if stays and outside >= MOST_FAILURES:
                self._context.pause(
                    f"run #{number} was interrupted {outside} times: {detail}",
                    "Find out what interrupted it, then resume.",
                )
        elif experiment.is_baseline and run.outcome is not Outcome.FINISHED:
            self._context.pause(
                f"the baseline did not finish ({run.outcome.value}): {detail}",
                f"Nothing can be improved until {config.file_names} runs as it is and gives "
                f"{config.metric_rule.text()}; `autoresearch-tui explain run.log --metric "
                f"{shlex.quote(config.metric)}` shows how its log is read. Correct it and commit, "
                "then start with another --tag; or resume to try again.",
            )
        elif experiment.is_baseline and experiment.doubts:
            self._context.pause(
                f"the baseline cannot be trusted: {'; '.join(experiment.doubts)}",
                "Correct the script and commit, then start with another --tag.",
            )

    def _note_failure(self, error: str) -> bool:
        """Record that a step for the current experiment failed.

        Returns:
            True where the step is tried again or, after three failures, the experiment is given up;
            False between two experiments and for the baseline, without which there is no session.
        """
        current = self.session.current
        if current is None or current.is_baseline:
            return False
        self._context.record(ev.StepFailed(experiment=current.number, error=error[:_LONGEST_ERROR]))
        return True

    def _block(self, reason: str, todo: str) -> None:
        """Pause the loop, and do not try the failed step again before the user resumes.

        Args:
            reason: Why the step failed, as the user reads it.
            todo: What the user can do; empty: resume to try again.
        """
        self._blocked = True
        self._context.pause(reason, todo or "Resume to try again.")
