"""The ratchet: propose, run, measure, decide, record, and again.

Each step looks at the folded session for what is still to be done, writes an event, then acts. So a
new engine that folds the journal goes on exactly where the last one was killed, at whatever point
that was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.agents.base import Agent, Attempt, Briefing, Draft, Thought
from engine.core import events as ev
from engine.core.edits import apply_patch, count_lines, make_patch, patch_id
from engine.core.errors import AgentError, AutoresearchError, EnvironmentProblem
from engine.core.live import AnyMessage, Progress, Thinking
from engine.core.outcome import Classified, Ending, classify
from engine.core.session import Experiment, Run, Session
from engine.core.verdict import decide, find_doubts
from engine.core.words import Outcome, Phase, StopMode, Verdict
from engine.executors.local import RunHandle, find_run, run_environment, start_run
from engine.store.artifacts import Layout, keep_proposal
from engine.store.journal import Journal
from engine.store.results_tsv import Row, append_row, has_commit
from engine.store.run_log import LogProgress
from engine.store.workspace import Workspace, hash_locked, link_data, point_run_log, take_leftovers
from engine.watch import RunWatch, Watched

CURVE_POINTS = 20
_OUTSIDE_RETRIES = 2
SLOT = 0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the ratchet works with."""

    journal: Journal
    workspace: Workspace
    layout: Layout
    agent: Agent
    environ: Mapping[str, str]
    submodules: tuple[str, ...] = ()


class Ratchet:
    """One session's loop.

    Args:
        around: Journal, workspace, agent and the rest.
        publish: Takes live messages (progress, thoughts) for whoever watches.
    """

    def __init__(self, around: Surroundings, publish: Callable[[AnyMessage], None]) -> None:
        self._a = around
        self._publish = publish
        self._wake = asyncio.Event()
        self._handle: RunHandle | None = None
        self._drafting: asyncio.Task[Draft] | None = None
        self._sources: dict[str, str] = {}
        self._locked: dict[str, str] | None = None
        self.progress: Progress | None = None
        """The newest state of the current run, for a client that attaches in its middle."""
        self.thinking = ""

    @property
    def session(self) -> Session:
        """As the journal has it now."""
        return self._a.journal.session

    @property
    def run_pid(self) -> int | None:
        """The supervisor of the current run."""
        return self._handle.pid if self._handle is not None else None

    def _note(self, event: ev.AnyEvent) -> None:
        self._a.journal.append(event)
        self._wake.set()

    # ---- what a person can say

    def pause(self, by: str) -> str:
        """Wait at the next safe point."""
        if self.session.pause is not None:
            return "It is paused already."
        self._note(ev.Paused(by="person", reason=f"paused from the {by}"))
        if self._drafting is not None:
            self._drafting.cancel()
        return "Paused after this run." if self.session.running else "Paused."

    def resume(self, by: str) -> str:
        """Go on."""
        if self.session.pause is None:
            return "It is not paused."
        self._note(ev.Resumed(by=by))
        return "Going on."

    def stop(self, by: str, mode: StopMode) -> str:
        """End the session, after this run or at once."""
        if self.session.stop is mode:
            return "It is stopping already."
        self._note(ev.StopRequested(by=by, mode=mode))
        if self._drafting is not None:
            self._drafting.cancel()
        if mode is StopMode.NOW:
            if self._handle is not None:
                self._handle.kill()
            return (
                "Stopping now; the experiment stays open and is run again when the session goes on."
            )
        return "Stopping after this run." if self.session.running else "Stopping."

    def cancel_stop(self, by: str) -> str:
        """Do not end the session after all."""
        if self.session.stop is None:
            return "No stop was asked for."
        self._note(ev.StopCancelled(by=by))
        return "The session goes on."

    def kill_run(self, by: str, number: int) -> str:
        """End the current run of that experiment; the loop goes on with another.

        Raises:
            AutoresearchError: That experiment does not run now.
        """
        current, run = self.session.current, self.session.running
        if current is None or run is None or current.number != number or self._handle is None:
            raise AutoresearchError(f"Experiment {number} is not running.", "Nothing was killed.")
        if run.kill_requested:
            return f"Run #{number} is being killed already."
        self._note(ev.KillRequested(by=by, experiment=number, run=run.number))
        self._handle.kill()
        return f"Killing run #{number}."

    # ---- the loop

    async def run(self) -> None:
        """Turn until the session ends.

        Raises:
            JournalError: The journal cannot be written; nothing recorded is lost.
        """
        self._finish_recording()
        while await self._may_go_on():
            try:
                await self._one_step()
            except AutoresearchError as error:
                if error.exit_code == 8:
                    raise
                self._note(
                    ev.Paused(
                        by="engine", reason=f"{error.what} {error.why}".strip(), todo=error.todo
                    )
                )
            except OSError as error:
                where = f" ({error.filename})" if error.filename else ""
                self._note(
                    ev.Paused(
                        by="engine",
                        reason=f"A file could not be written: {error.strerror or error}{where}.",
                        todo="Free disk space or make the workspace writable, then resume.",
                    )
                )

    async def _may_go_on(self) -> bool:
        """Wait out a pause; False when the session is over."""
        while True:
            session = self.session
            most = session.config.max_experiments
            must_finish = self._must_finish()
            if session.stop is not None and not must_finish:
                self._note(ev.SessionEnded(reason=f"stopped by the person, {session.stop.value}"))
                return False
            if most is not None and session.counts.total >= most and session.current is None:
                self._note(ev.SessionEnded(reason=f"all {most} experiments are done"))
                return False
            if session.pause is None or must_finish:
                return True
            self._wake.clear()
            await self._wake.wait()

    def _must_finish(self) -> bool:
        """Whether a run is on, or over and not yet recorded: neither a pause nor a stop leaves that
        behind.
        """
        current = self.session.current
        if current is None or current.run is None:
            return False
        return not self._is_to_be_rerun(current, current.run)

    async def _one_step(self) -> None:
        current = self.session.current
        if current is None:
            await self._propose()
        elif not current.commit:
            self._commit(current)
        elif current.run is None or self._is_to_be_rerun(current, current.run):
            self._start(current)
        elif current.run.outcome is None:
            await self._watch(current, current.run)
        else:
            self._judge(current, current.run)

    # ---- propose

    def source(self, commit: str) -> str:
        """The editable file at a commit."""
        if commit not in self._sources:
            text = self._a.workspace.read(commit, self.session.config.file)
            self._sources = {commit: text}
        return self._sources[commit]

    async def _propose(self) -> None:
        session = self.session
        number = len(session.experiments) + 1
        base = session.frontier
        source = self.source(base)
        if number == 1:
            draft = Draft(source=source, hypothesis="baseline", category="baseline")
        else:
            self._drafting = asyncio.ensure_future(self._draft(number, base, source))
            try:
                draft = await self._drafting
            except asyncio.CancelledError:
                if self._drafting.cancelled() and not _being_cancelled():
                    return  # a person paused or stopped; nothing was used up
                self._drafting.cancel()
                raise
            finally:
                self._drafting = None
        patch = make_patch(session.config.file, source, draft.source)
        if number > 1 and not patch:
            raise AgentError(
                f"The agent {self._a.agent.name!r} proposed no change.", "", "Resume to ask again."
            )
        added, removed = count_lines(patch)
        proposal = ev.Proposal(
            patch_id=patch_id(patch),
            hypothesis=" ".join(draft.hypothesis.split()),
            rationale=draft.rationale,
            expected=draft.expected,
            category=draft.category,
            agent=self._a.agent.name if number > 1 else "",
            added=added,
            removed=removed,
            knobs=draft.knobs,
        )
        self._note(
            ev.ProposalDrafted(
                experiment=number,
                base=base,
                proposal=proposal,
                patch=patch,
                reasoning=self.thinking,
            )
        )

    async def _draft(self, number: int, base: str, source: str) -> Draft:
        self.thinking = ""
        self._publish(Thinking(text="", start=True))
        draft: Draft | None = None
        async for item in self._a.agent.propose(self._brief(number, base, source)):
            if isinstance(item, Thought):
                self.thinking += item.text
                self._publish(Thinking(text=item.text))
            else:
                draft = item
        if draft is None:
            raise AgentError(
                f"The agent {self._a.agent.name!r} ended without a proposal.",
                "",
                "Resume to ask again.",
            )
        try:
            compile(draft.source, self.session.config.file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise AgentError(
                f"The agent's edit is not valid Python: {error}.", "", "Resume to ask again."
            ) from error
        return draft

    def _brief(self, number: int, base: str, source: str) -> Briefing:
        session = self.session
        program = self._a.workspace.path / "program.md"
        return Briefing(
            number=number,
            source=source,
            base=base,
            program=program.read_text("utf-8", "replace") if program.is_file() else "",
            config=session.config,
            platform=session.platform,
            history=tuple(_attempt(e) for e in session.experiments if e.verdict is not None),
        )

    def _commit(self, experiment: Experiment) -> None:
        session = self.session
        number = experiment.number
        ref = f"refs/autoresearch/{session.config.tag}/{number}"
        keep_proposal(
            self._a.layout,
            number,
            experiment.proposal,
            session.latest_patch,
            session.latest_reasoning,
        )
        if experiment.is_baseline:
            commit = experiment.base
            self._a.workspace.hold(ref, commit)
        else:
            content = apply_patch(self.source(experiment.base), session.latest_patch)
            message = (
                f"{experiment.proposal.hypothesis}\n\n"
                f"Experiment: {number}\nSession: {session.config.tag}\n"
                f"Patch-Id: {experiment.proposal.patch_id}\n"
            )
            commit = self._a.workspace.commit_candidate(
                experiment.base, session.config.file, content, message, ref
            )
        self._note(ev.CandidateCommitted(experiment=number, commit=commit, ref=ref))

    # ---- run

    def _is_to_be_rerun(self, experiment: Experiment, run: Run) -> bool:
        match run.outcome:
            case Outcome.ENVIRONMENT:
                return True
            case Outcome.INTERRUPTED:
                return not run.kill_requested
            case None:
                return False
            case Outcome.FINISHED:
                return experiment.is_baseline and bool(experiment.doubts)
            case _:
                # Without a baseline there is nothing to compare with, so its failure is no verdict.
                return experiment.is_baseline

    def _start(self, experiment: Experiment) -> None:
        session, a = self.session, self._a
        number, run = experiment.number, len(experiment.runs) + 1
        directory = a.layout.run(number, run)
        place = a.workspace.place(a.layout.worktree(SLOT), experiment.commit)
        link_data(a.workspace, place, session.config, a.submodules)
        self._check_locked(place)
        self._note(
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

    def _check_locked(self, place: Path) -> None:
        found = hash_locked(place, self.session.config.locked)
        if self._locked is None:
            self._locked = found
        elif found != self._locked:
            names = ", ".join(
                sorted(
                    k
                    for k in found.keys() | self._locked.keys()
                    if found.get(k) != self._locked.get(k)
                )
            )
            raise EnvironmentProblem(
                f"A locked file changed while no run was on: {names}.",
                "What the metric means would change with it.",
                "Put it back, or start a session with another --tag.",
            )

    async def _watch(self, experiment: Experiment, run: Run) -> None:
        number = experiment.number
        if self._handle is None:
            self._handle = self._adopt(experiment, run)
        if self._handle is None:
            self._end(
                number,
                run,
                Classified(Outcome.INTERRUPTED, "the machine or the run's supervisor went away"),
            )
            return
        handle = self._handle
        watch = RunWatch(
            handle,
            self.session.config,
            expects_progress=any(r.curve for e in self.session.experiments[:3] for r in e.runs),
            on_progress=lambda progress: self._progressed(number, run.number, progress),
        )
        watched = await watch.follow()
        self._handle = None
        self.progress = None
        ended = self._classify(experiment, watched)
        self._end(number, run, ended, watched)

    def _adopt(self, experiment: Experiment, run: Run) -> RunHandle | None:
        handle = find_run(self._a.workspace.path / run.directory)
        if handle is not None:
            self._note(ev.RunAdopted(experiment=experiment.number, run=run.number))
            if run.kill_requested or self.session.stop is StopMode.NOW:
                handle.kill()
        return handle

    def _progressed(self, number: int, run: int, progress: LogProgress) -> None:
        session = self.session
        now = self._elapsed(session.running)
        phase = progress.phase
        if phase is Phase.STARTING and progress.step is None and now > 30:
            phase = Phase.RUNNING if session.config.budget_seconds is None else phase
        message = Progress(
            experiment=number,
            run=run,
            phase=phase,
            elapsed_seconds=now,
            share=progress.share,
            step=progress.step,
            loss=progress.loss,
            tokens_per_second=progress.tokens_per_second,
            remaining_seconds=progress.remaining_seconds,
        )
        previous = self.progress
        if previous is None or (previous.step, previous.share, previous.phase, previous.loss) != (
            message.step,
            message.share,
            message.phase,
            message.loss,
        ):
            self.progress = message
            self._publish(message)
        if progress.share is None or progress.loss is None or session.running is None:
            return
        curve = session.running.curve
        if not curve or progress.share - curve[-1].share >= 1 / CURVE_POINTS:
            self._note(
                ev.RunProgressed(
                    experiment=number, run=run, share=progress.share, loss=progress.loss
                )
            )

    def _elapsed(self, run: Run | None) -> float:
        if run is None or self._handle is None:
            return 0.0
        return max(0.0, time.time() - self._handle.started_at)

    def _classify(self, experiment: Experiment, watched: Watched) -> Classified:
        report, log = watched.report, watched.log
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
                metric_name=self.session.config.metric,
                loss=log.progress.loss,
                traceback=log.traceback,
                tail=log.tail,
                saw_fail=log.saw_fail,
                base_works=self.session.baseline is not None,
                edit="" if experiment.is_baseline else self.session.latest_patch,
            )
        )

    def _end(
        self, number: int, run: Run, ended: Classified, watched: Watched | None = None
    ) -> None:
        """Record the end of a run, what it reported, and a pause where a person is needed."""
        report = watched.report if watched is not None else None
        experiment = self.session.experiment(number)
        self._note(
            ev.RunEnded(
                experiment=number,
                run=run.number,
                outcome=ended.outcome,
                detail=ended.detail,
                exit_code=report.exit_code if report is not None else None,
                signal=report.signal if report is not None else None,
                seconds=report.seconds if report is not None else 0.0,
                peak_rss_bytes=report.peak_rss_bytes if report is not None else 0,
            )
        )
        place = self._a.workspace.inside_worktree(self._a.layout.worktree(SLOT))
        changed = self._changed_locked(place)
        take_leftovers(
            self._a.workspace, self._a.layout.worktree(SLOT), self._a.layout.run(number, run.number)
        )
        if ended.outcome is Outcome.FINISHED and watched is not None and report is not None:
            self._measure(
                number, run.number, watched, report.seconds, report.peak_rss_bytes, changed
            )
        elif changed:
            self._note(
                ev.AlarmRaised(
                    kind="tamper",
                    message=f"run #{number} changed {', '.join(changed)}",
                    experiment=number,
                )
            )
        self._pause_if_needed(experiment, ended)

    def _changed_locked(self, place: Path) -> tuple[str, ...]:
        if self._locked is None:
            # Adopted from an earlier engine: the commit says what the files must be.
            return self._a.workspace.changed_since_commit(place, self.session.config.locked)
        now = hash_locked(place, self.session.config.locked)
        names = now.keys() | self._locked.keys()
        return tuple(sorted(n for n in names if now.get(n) != self._locked.get(n)))

    def _measure(
        self,
        number: int,
        run: int,
        watched: Watched,
        seconds: float,
        peak_rss_bytes: int,
        changed: tuple[str, ...],
    ) -> None:
        log = watched.log
        metric = log.metric_value
        assert metric is not None  # a finished run has one, by its classification
        peak_mb = log.number("peak_vram_mb")
        memory_gb = peak_mb / 1024 if peak_mb else peak_rss_bytes / 2**30
        steps = log.number("num_steps")
        measurement = ev.Measurement(
            metric=metric,
            memory_gb=memory_gb,
            training_seconds=log.number("training_seconds"),
            total_seconds=log.number("total_seconds"),
            steps=int(steps) if steps is not None and abs(steps) < 2**53 else None,
            tokens_millions=log.number("total_tokens_M"),
            params_millions=log.number("num_params_M"),
            summary=dict(log.summary),
        )
        doubts = find_doubts(
            measurement,
            wall_seconds=seconds,
            summaries=log.separators,
            distinct_values=len(set(log.metric_values)),
            changed_locked=changed,
        )
        self._note(ev.Measured(experiment=number, run=run, measurement=measurement, doubts=doubts))
        if doubts:
            self._note(
                ev.AlarmRaised(
                    kind="doubt", message=f"#{number}: {'; '.join(doubts)}", experiment=number
                )
            )

    def _pause_if_needed(self, experiment: Experiment, ended: Classified) -> None:
        number, config = experiment.number, self.session.config
        detail = ended.detail.strip()
        latest = self.session.experiment(number)
        if ended.outcome is Outcome.ENVIRONMENT:
            self._pause_for(f"run #{number}: {detail}", ended.todo)
        elif ended.outcome is Outcome.INTERRUPTED:
            outside = sum(
                r.outcome is Outcome.INTERRUPTED and not r.kill_requested for r in latest.runs
            )
            if self.session.stop is None and outside > _OUTSIDE_RETRIES:
                self._pause_for(
                    f"run #{number} was interrupted {outside} times: {detail}",
                    "Find out by whom, then resume.",
                )
        elif experiment.is_baseline and ended.outcome is not Outcome.FINISHED:
            self._pause_for(
                f"the baseline did not finish ({ended.outcome.value}): {detail}",
                f"There is nothing to improve on until {config.file} runs as it is and prints "
                f"`{config.metric}: <number>`. Correct it and commit, then start with another "
                "--tag; or resume to try again.",
            )
        elif experiment.is_baseline and latest.doubts:
            self._pause_for(
                f"the baseline cannot be trusted: {'; '.join(latest.doubts)}",
                "Correct the script and commit, then start with another --tag.",
            )

    def _pause_for(self, reason: str, todo: str) -> None:
        if self.session.pause is None:
            self._note(ev.Paused(by="engine", reason=reason, todo=todo))

    # ---- decide and record

    def _judge(self, experiment: Experiment, run: Run) -> None:
        session = self.session
        if run.outcome is Outcome.FINISHED and experiment.measurement is not None:
            decision = decide(
                session.config,
                experiment.measurement,
                session.best_metric,
                doubts=experiment.doubts,
                lines_saved=experiment.proposal.removed - experiment.proposal.added,
            )
            verdict, reason, gain = decision.verdict, decision.reason, decision.gain
        elif run.outcome is Outcome.FINISHED:
            # Killed between the run's end and its measurement: the log is still there to be read.
            self._measure_again(experiment, run)
            return
        else:
            outcome = run.outcome.value if run.outcome is not None else "unknown"
            if run.kill_requested:
                outcome = "interrupted by the person"
            verdict, reason, gain = Verdict.CRASH, outcome, None
        self._note(
            ev.VerdictGiven(experiment=experiment.number, verdict=verdict, reason=reason, gain=gain)
        )
        self._finish_recording()

    def _measure_again(self, experiment: Experiment, run: Run) -> None:
        handle = find_run(self._a.workspace.path / run.directory)
        report = handle.report() if handle is not None else None
        if handle is None or report is None:
            raise EnvironmentProblem(
                f"The log of run #{experiment.number} is gone.", "", "Resume to run it again."
            )
        watch = RunWatch(
            handle, self.session.config, expects_progress=False, on_progress=lambda _: None
        )
        log = watch.read_all()
        place = self._a.workspace.inside_worktree(self._a.layout.worktree(SLOT))
        self._measure(
            experiment.number,
            run.number,
            Watched(report, log, None),
            report.seconds,
            report.peak_rss_bytes,
            self._changed_locked(place),
        )

    def _finish_recording(self) -> None:
        """Write the row, then move the frontier, whichever of the two is still to be done for the
        last verdict.
        """
        session = self.session
        if not session.experiments or session.experiments[-1].verdict is None:
            return
        last = session.experiments[-1]
        if not last.row_written:
            path = self._a.workspace.path / session.results_file
            recovered = session.engine_starts > 1
            if not (recovered and not last.is_baseline and has_commit(path, last.commit)):
                append_row(path, session.config.metric, _row(last))
            self._note(ev.RowWritten(experiment=last.number, file=session.results_file))
        if last.verdict is Verdict.KEEP and session.incumbent != last.number:
            self._a.workspace.advance_branch(session.config.tag, last.commit, session.frontier)
            self._note(ev.FrontierAdvanced(experiment=last.number, commit=last.commit))


def _row(experiment: Experiment) -> Row:
    """The line of results.tsv for a finished experiment."""
    measured = experiment.measurement
    crashed = experiment.verdict is Verdict.CRASH or measured is None
    note = f" ({experiment.verdict_reason})" if crashed or experiment.doubts else ""
    return Row(
        commit=experiment.commit,
        metric=0.0 if crashed or measured is None else measured.metric,
        memory_gb=0.0 if crashed or measured is None else measured.memory_gb,
        verdict=experiment.verdict or Verdict.CRASH,
        description=experiment.proposal.hypothesis + note,
    )


def _attempt(experiment: Experiment) -> Attempt:
    assert experiment.verdict is not None
    measured = experiment.measurement
    return Attempt(
        number=experiment.number,
        base=experiment.base,
        commit=experiment.commit,
        hypothesis=experiment.proposal.hypothesis,
        category=experiment.proposal.category,
        verdict=experiment.verdict,
        outcome=experiment.outcome,
        metric=None if experiment.verdict is Verdict.CRASH or measured is None else measured.metric,
        gain=experiment.gain,
        patch_id=experiment.proposal.patch_id,
        knobs=experiment.proposal.knobs,
    )


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
