"""Runs experiments again that have their verdict: the incumbent to compare with, and at the end the
baseline and the final version.
"""

from __future__ import annotations

from datetime import datetime

from engine.core import events as ev
from engine.core.analysis.end_forecast import seconds_per_experiment
from engine.core.enums import Outcome, RunPurpose
from engine.core.keep_rule.from_session import closing_values, standing_of
from engine.core.keep_rule.trial import KeepRule
from engine.core.records import Experiment, Run
from engine.loop.context import SessionContext
from engine.loop.runner import Runner

_MOST_FAILURES = 3
"""After this many repeats in a row without a value that counts, the loop pauses."""


class Repeats:
    """Decides which experiment with a verdict is run again, and runs it.

    Args:
        context: The session's journal and config.
        rule: The keep rule, which says when the incumbent has to be measured.
        runner: Starts and watches the runs.
    """

    def __init__(self, context: SessionContext, rule: KeepRule, runner: Runner) -> None:
        self._context = context
        self._rule = rule
        self._runner = runner
        self._failures = 0
        context.journal.listen(self._on_event)

    def _on_event(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Resumed):
            self._failures = 0

    def needs_incumbent(self) -> bool:
        """Return whether the incumbent is to be run before the next experiment begins."""
        if self._context.session.is_best_outdated:
            return True
        standing = standing_of(self._context.session)
        return standing is not None and self._rule.needs_incumbent(standing)

    def closing_due(self) -> Experiment | None:
        """Return the experiment to run for the closing measurement; None where it is complete.

        The baseline and the final version are run in alternation.
        """
        session = self._context.session
        best, config = session.best, session.config
        if best is None or best.is_baseline or not self._rule.closes:
            return None
        first = session.experiments[0]
        before, after = len(closing_values(session, first)), len(closing_values(session, best))
        if min(before, after) >= config.closing:
            return None
        return first if before <= after else best

    def closing_has_begun(self, since: datetime) -> bool:
        """Return whether a closing run was started since a moment and the newest experiment."""
        session = self._context.session
        first, best = session.experiments[:1], session.best
        return any(
            run.purpose is RunPurpose.CLOSING
            and run.after == len(session.experiments)
            and run.started_at >= since
            for experiment in (*first, *([best] if best is not None else []))
            for run in experiment.runs
        )

    def seconds_before_end(self) -> float:
        """Return the seconds that another experiment and the closing measurement after it take.

        0 where no closing measurement is due.
        """
        session = self._context.session
        best = session.best
        if best is None or best.run is None or self.closing_due() is None:
            return 0.0
        closing = 2 * session.config.closing * best.run.seconds
        return closing + (seconds_per_experiment(session) or 0.0)

    async def run_incumbent(self) -> None:
        """Start another run of the incumbent."""
        best = self._context.session.best
        assert best is not None  # a rule compares with it
        await self._runner.start(best, RunPurpose.FRESH)

    async def run_closing(self, experiment: Experiment) -> None:
        """Start a run of the closing measurement."""
        await self._runner.start(experiment, RunPurpose.CLOSING)

    async def go_on(self, experiment: Experiment) -> None:
        """Watch the repeat that is under way until it is measured; pause where it failed."""
        run = experiment.runs[-1]
        if run.outcome is None:
            await self._runner.watch(experiment, run)
        else:
            await self._runner.measure_again(experiment, run)
        done = self._context.session.experiment(experiment.number).runs[-1]
        if done.metric is not None and not done.doubted:
            self._failures = 0
        elif self._context.session.stop is None:
            self._note_failure(experiment, done)

    def _note_failure(self, experiment: Experiment, run: Run) -> None:
        self._failures += 1
        session = self._context.session
        where = f" in evaluation epoch {session.epoch}" if session.is_best_outdated else ""
        named = f"the repeat of #{experiment.number}{where}"
        detail = run.detail.strip().splitlines()[-1:] or ["its result is not trusted"]
        if run.kill_requested:
            self._context.pause(f"{named} was killed", "Resume to run it again.")
        elif run.outcome is Outcome.ENVIRONMENT:
            self._context.pause(f"{named}: {run.detail.strip()}", run.todo)
        elif self._failures >= _MOST_FAILURES:
            self._context.pause(
                f"{named} failed {self._failures} times: {detail[0]}",
                "Its code ran before: find out what changed on the machine, then resume.",
            )
