"""The ratchet: propose, run, measure, decide, record, and again.

Each step looks at the folded session for what is still to be done, writes an event, then acts. So a
new engine that folds the journal goes on exactly where the last one was killed, at whatever point
that was.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Origin, Outcome, StopMode
from engine.core.errors import (
    AgentError,
    AutoresearchError,
    JournalError,
)
from engine.core.records import Experiment, Run
from engine.core.session import MOST_IN_A_ROW, Session
from engine.core.text import one_line
from engine.loop.commands import Steering
from engine.loop.context import SessionContext
from engine.loop.experiment import ExperimentSteps
from engine.loop.retry import retry_decision
from engine.loop.runner import Runner
from engine.loop.verdicts import Judge

_MACHINE_RETRIES = 2
_OUTSIDE_RETRIES = 2
"""So often a run that somebody outside ended is run again before a person is asked."""


class Ratchet:
    """One session's loop."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._wake = asyncio.Event()
        self._failures = 0
        self._excused = 0
        """With so many parked proposals a person had the loop go on all the same."""
        self._blocked = False
        """Whether the next step failed and only a person's word can have it tried again."""
        self.proposer = ExperimentSteps(context, self._handle_agent_error)
        self.runner = Runner(context)
        self.judge = Judge(context, self.proposer, self.runner)
        self.steering = Steering(context, self.proposer)
        context.journal.listen(lambda _: self._wake.set())

    @property
    def session(self) -> Session:
        """As the journal has it now."""
        return self._context.session

    def _note(self, event: ev.AnyEvent) -> None:
        self._context.note(event)

    # ---- what a person can say

    def pause(self, by: Actor) -> str:
        """Wait at the next safe point."""
        if self.session.pause is not None:
            return "It is paused already."
        self._note(ev.Paused(by=Actor.PERSON, reason=f"paused from the {by}"))
        self.proposer.drafter.cancel()
        return "It pauses after this run." if self.session.running else "Paused."

    def resume(self, by: Actor) -> str:
        """Go on."""
        if self.session.pause is None:
            return "It is not paused."
        self._blocked = False
        self._excused = len(self.session.parked)
        self._note(ev.Resumed(by=by))
        return "Going on."

    def stop(self, by: Actor, mode: StopMode, reason: str = "") -> str:
        """End the session, after this run or at once."""
        if self.session.stop is mode:
            return "It is stopping already."
        self._note(ev.StopRequested(by=by, mode=mode, reason=reason))
        self.proposer.drafter.cancel()
        if mode is StopMode.NOW:
            self.runner.kill()
            return (
                "Stopping now; the experiment stays open and is run again when the session goes on."
            )
        return "Stopping after this run." if self.session.running else "Stopping."

    def cancel_stop(self, by: Actor) -> str:
        """Do not end the session after all."""
        if self.session.stop is None:
            return "No stop was asked for."
        self._note(ev.StopCancelled(by=by))
        return "The session goes on."

    def kill_run(self, by: Actor, number: int, reason: str = "") -> str:
        """End the current run of that experiment; the loop goes on with another.

        Args:
            by: Through what the person spoke.
            number: Of the experiment they mean.
            reason: Why the idea itself is not wanted: a veto, which the agent is told.

        Raises:
            AutoresearchError: That experiment does not run now.
        """
        current, run = self.session.current, self.session.running
        alive = self.runner.pid is not None
        if current is None or run is None or current.number != number or not alive:
            raise AutoresearchError(f"Experiment {number} is not running.", "Nothing was killed.")
        if run.kill_requested:
            return f"Run #{number} is being killed already."
        reason = one_line(reason)
        if reason and current.is_baseline:
            raise AutoresearchError("The baseline is no idea; it cannot be vetoed.")
        self._note(ev.KillRequested(by=by, experiment=number, run=run.number, reason=reason))
        self.runner.kill()
        return f"Vetoed; run #{number} is killed." if reason else f"Killing run #{number}."

    # ---- the loop

    async def run(self) -> None:
        """Turn until the session ends.

        Raises:
            JournalError: The journal cannot be written; nothing recorded is lost.
        """
        ahead = asyncio.create_task(self.proposer.lookahead.run())
        try:
            await self._turn(ahead)
        finally:
            ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ahead

    async def _turn(self, ahead: asyncio.Task[None]) -> None:
        while await self._may_go_on():
            if ahead.done():
                ahead.result()  # the journal cannot be written
            try:
                self.judge.finish_recording()
                await self._one_step()
            except JournalError:
                raise
            except AgentError as error:
                self._handle_agent_error(error)
            except AutoresearchError as error:
                self._block(f"{error.what} {error.why}".strip(), error.todo)
            except OSError as error:
                where = f" ({error.filename})" if error.filename else ""
                self._block(
                    f"A file could not be written: {error.strerror or error}{where}.",
                    "Free disk space or make the workspace writable, then resume.",
                )

    def _handle_agent_error(self, error: AgentError) -> None:
        self._failures += 1
        reason = f"{error.what} {error.why}".strip()
        decision = retry_decision(error, self._failures, self.proposer.briefer.shorten)
        if decision.edit_failed:
            self._note(ev.AlarmRaised(kind=AlarmKind.EDIT_FAILED, message=reason))
        if decision.shorten:
            self.proposer.briefer.shorten += 1
        if decision.wait_seconds is None:
            self._failures = 0
            self._pause_for(reason, error.todo)
            return
        until = datetime.now(UTC) + timedelta(seconds=decision.wait_seconds)
        self._note(ev.AgentWaited(reason=reason, until=until, tries=self._failures))

    async def _may_go_on(self) -> bool:
        """Wait out a pause or an agent that cannot be asked yet; False when the session is over."""
        while True:
            session = self.session
            wait = session.seconds_to_wait(datetime.now(UTC))
            free = session.pause is None and session.stop is None
            if wait > 0 and free and session.running is None:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
                continue
            if free and not self.session.is_used_up and self._waits_for_a_person():
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._wake.wait(), self.proposer.reviewer.seconds_to_parking()
                    )
                self.proposer.reviewer.park_overdue()
                continue
            must_finish = self._must_finish()
            if session.stop is not None and not must_finish:
                why = session.stop_reason or f"stopped by the person, {session.stop.value}"
                self._note(ev.SessionEnded(reason=why))
                return False
            if session.pause is None or must_finish:
                open_ends = (
                    session.current is not None
                    or self.judge.unrecorded()
                    or bool(session.pending_overrules)
                )
                if self.session.is_used_up and not open_ends:
                    most = session.config.max_experiments
                    self._note(ev.SessionEnded(reason=f"all {most} experiments are done"))
                    return False
                return True
            self._wake.clear()
            await self._wake.wait()

    def _waits_for_a_person(self) -> bool:
        """Whether nothing can be run or made before somebody answers a question."""
        session = self.session
        if session.current is not None or self.judge.unrecorded():
            return False
        return session.is_full_of_questions

    def _must_finish(self) -> bool:
        """Whether a run is on, or over and not recorded: no pause or stop leaves that behind."""
        current = self.session.current
        if self._blocked:
            return False
        if self.session.pause is None and self.judge.unrecorded():
            return True
        if current is None and self.session.pending_overrules:
            return True
        if current is None or current.run is None or current.run.number <= current.revised_after:
            return False
        return not self._is_to_be_rerun(current, current.run)

    async def _one_step(self) -> None:
        current = self.session.current
        if current is None and self.session.pending_overrules:
            await self.steering.settle()
            self._tell_what_the_limit_forbids()
        elif current is None:
            self._pause_for_parked()
            if not self.session.is_used_up and self.session.pause is None:
                await self.proposer.propose()
        elif not current.commit:
            self._failures = 0
            self.proposer.commit(current)
        elif current.run is None or self._is_to_be_rerun(current, current.run):
            self.runner.start(current)
        elif current.run.outcome is None:
            await self.runner.watch(current, current.run)
            self._pause_if_needed(self.session.experiment(current.number))
        else:
            await self.judge.judge(current, current.run)

    def _tell_what_the_limit_forbids(self) -> None:
        late = [q for q in self.session.queue if q.origin is Origin.OVERRULE]
        if late and self.session.is_used_up:
            message = (
                f"your verdict on #{late[-1].of} needs a run, but all experiments are done: go on "
                "with a higher --max to have it carried out"
            )
            self._note(ev.AlarmRaised(kind=AlarmKind.OVERRULE, message=message))

    def _pause_for_parked(self) -> None:
        parked, most = len(self.session.parked), self.session.config.most_parked
        stuck = self.session.consecutive_held >= min(most, MOST_IN_A_ROW)
        if parked >= most and parked > self._excused and stuck and not self.session.ready:
            self._pause_for(
                f"{parked} proposals are parked and wait for you",
                "Go through them (w on the screen, or `autoresearch-tui queue`), then resume.",
            )

    def _is_to_be_rerun(self, experiment: Experiment, run: Run) -> bool:
        if run.outcome is not None and run.number <= experiment.revised_after:
            return True
        match run.outcome:
            case Outcome.ENVIRONMENT:
                # What fails so again and again while the baseline worked is the edit's own doing.
                failed = sum(r.outcome is Outcome.ENVIRONMENT for r in experiment.runs)
                return experiment.is_baseline or failed <= _MACHINE_RETRIES
            case Outcome.INTERRUPTED:
                return experiment.is_baseline or not run.kill_requested
            case None:
                return False
            case Outcome.FINISHED:
                return experiment.is_baseline and bool(experiment.doubts)
            case _:
                # Without a baseline there is nothing to compare with, so its failure is no verdict.
                return experiment.is_baseline

    def _pause_if_needed(self, experiment: Experiment) -> None:
        """After a run: wait for a person where going on would teach nothing."""
        number, config, run = experiment.number, self.session.config, experiment.run
        if run is None or run.outcome is None:
            return
        detail = run.detail.strip()
        if run.outcome is Outcome.ENVIRONMENT and not self._is_to_be_rerun(experiment, run):
            return
        if run.outcome is Outcome.ENVIRONMENT:
            self._pause_for(f"run #{number}: {detail}", run.todo)
        elif experiment.is_baseline and run.kill_requested:
            self._pause_for("the baseline was killed", "Resume to run it again.")
        elif run.outcome is Outcome.INTERRUPTED:
            outside = sum(
                r.outcome is Outcome.INTERRUPTED and not r.kill_requested for r in experiment.runs
            )
            if self.session.stop is None and outside > _OUTSIDE_RETRIES:
                self._pause_for(
                    f"run #{number} was interrupted {outside} times: {detail}",
                    "Find out by whom, then resume.",
                )
        elif experiment.is_baseline and run.outcome is not Outcome.FINISHED:
            self._pause_for(
                f"the baseline did not finish ({run.outcome.value}): {detail}",
                f"There is nothing to improve on until {config.file} runs as it is and prints "
                f"`{config.metric}: <number>`. Correct it and commit, then start with another "
                "--tag; or resume to try again.",
            )
        elif experiment.is_baseline and experiment.doubts:
            self._pause_for(
                f"the baseline cannot be trusted: {'; '.join(experiment.doubts)}",
                "Correct the script and commit, then start with another --tag.",
            )

    def _pause_for(self, reason: str, todo: str) -> None:
        if self.session.pause is None:
            self._note(ev.Paused(by=Actor.ENGINE, reason=reason, todo=todo))
        elif self.session.pause.reason != reason:
            self._note(ev.AlarmRaised(kind=AlarmKind.PAUSE, message=f"{reason} {todo}".strip()))

    def _block(self, reason: str, todo: str) -> None:
        """Pause, and do not try the failed step again before somebody says so."""
        self._blocked = True
        self._pause_for(reason, todo or "Resume to try again.")
