"""Monitors one training run: reads its log as it grows, times its phases, kills it if it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.core.config import ResearchConfig
from engine.core.curves.curve import CurveBuilder
from engine.core.enums import Phase
from engine.core.layout import CURVE_NAME
from engine.core.outcome import EARLY_STOP
from engine.core.run_log.metric_rule import MetricRule
from engine.core.run_log.progress import LogProgress
from engine.core.run_log.reader import RunLog
from engine.executors.local import ExitReport, RunHandle
from engine.loop.log_follower import LogFollower
from engine.store.curve_file import CurveWriter

POLL_SECONDS = 0.25
_POLL_BYTES = 256 << 10
"""The most bytes of the log parsed per poll, at about 3 MiB/s; more would block the socket."""
_TRAINING_SLACK_SECONDS = 60.0
_ASLEEP_SECONDS = 10.0
GRACE_SECONDS = 15.0
"""Seconds that a supervisor has to end its run after the deadline or a kill; then the engine does.

The training process may take three of them to save its state.
"""
_NOTE_SECONDS = 1.0
_NEW_SECONDS = 5.0
"""A run that is monitored later than this after its start was started by an earlier engine."""


@dataclass(frozen=True)
class FinishedRun:
    """A training run that ended: its exit report and its log."""

    report: ExitReport | None
    """The supervisor's report of the exit; None where it was killed before writing it."""
    log: RunLog
    killed_by: str | None
    """Why this engine killed the run: a limit, such as `start-up` or `deadline`, or a `request`;
    None: it did not.
    """


class RunMonitor:
    """Monitors one training run until it ends.

    Args:
        handle: Gives access to the run's processes and files.
        config: The research config with the metric's name and the time limits.
        deadline_seconds: The longest time the run may take since its start.
        rule: The rule by which the metric is read; None: that of the config.
        on_progress: Called at each poll with the progress that the log shows.
        on_alarm: Called with a sentence about what keeps the run from ending, once for each.
        on_report_waits: Called once where the run has ended, and its report is not written; a
            supervisor tries that again for as long as the disk is full.
    """

    def __init__(
        self,
        handle: RunHandle,
        config: ResearchConfig,
        *,
        deadline_seconds: float,
        rule: MetricRule | None = None,
        on_progress: Callable[[LogProgress], None],
        on_alarm: Callable[[str], None],
        on_report_waits: Callable[[], None],
    ) -> None:
        self.handle = handle
        self._follower = LogFollower(handle, rule or config.metric_rule)
        self._curve_file = CurveWriter(handle.directory / CURVE_NAME)
        self._config = config
        self._on_progress = on_progress
        self._on_alarm = on_alarm
        self._on_report_waits = on_report_waits
        self._phase = Phase.STARTING
        # Monotonic: a changed clock or a suspended laptop must not count against the run.
        self._started_at = time.monotonic() - max(0.0, time.time() - handle.started_at)
        self._phase_since = self._started_at
        self._deadline = self._started_at + deadline_seconds
        self._is_new = time.monotonic() - self._started_at < _NEW_SECONDS
        self._trains_since: float | None = None if self._is_new else self._started_at
        self._noted_at = 0.0
        self._alone_since: float | None = None
        self._reported_waiting = False
        self._grew_at = self._polled_at = time.monotonic()
        self._killed_by: str | None = None

    @property
    def curve(self) -> CurveBuilder:
        """Return the loss curve that the run's log shows so far."""
        return self._follower.log.curve

    def stop_early(self) -> None:
        """Kill the run because its loss is too far behind to recover."""
        if self._killed_by is None:
            self._killed_by = EARLY_STOP
            self.handle.kill()

    @property
    def elapsed_seconds(self) -> float:
        """Return the seconds since the run's start."""
        return time.monotonic() - self._started_at

    async def follow(self) -> FinishedRun:
        """Wait until the run's whole process tree is gone and its log is read to the end.

        Kills the run where it exceeds the time limit of a phase or falls silent, if its log says
        what remains of the time budget: only that tells the phase. Where its supervisor was stopped
        or killed, the run's processes are killed by the engine.
        """
        waiting = asyncio.ensure_future(self.handle.wait())
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=POLL_SECONDS)
                if done:
                    break
                self._read(_POLL_BYTES)
                self._report_progress()
                self._enforce()
                if self._supervisor_failed():
                    break
        finally:
            if not waiting.done():
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting
        report = self.handle.report()
        if report is None:
            if self.handle.kill_requested_at is not None:
                self._killed_by = self._killed_by or "request"
            await self.handle.end(self._on_alarm)
        # To parse a large log may take seconds, in which clients expect answers.
        log = await asyncio.to_thread(self._follower.read_all)
        self._curve_file.write(log.curve)
        self._report_progress()
        return FinishedRun(report, log, self._killed_by)

    def _supervisor_failed(self) -> bool:
        """Return True where the supervisor should have ended the run by now, and has not."""
        now = time.monotonic()
        if now - self._noted_at >= _NOTE_SECONDS:
            self._noted_at = now
            state = self.handle.processes.note()
            if state != "alone":
                self._alone_since = None
            elif self._alone_since is None:
                self._alone_since = now
            elif now - self._alone_since > GRACE_SECONDS and not self._reported_waiting:
                self._reported_waiting = True
                self._on_report_waits()
        killed_at = self.handle.kill_requested_at
        if killed_at is not None and now > killed_at + GRACE_SECONDS:
            self._killed_by = self._killed_by or "request"
            return True
        # A supervisor without processes only has its report to write.
        if now > self._deadline + GRACE_SECONDS and self._alone_since is None:
            self._killed_by = self._killed_by or "deadline"
            return True
        return False

    def _read(self, at_most: int | None) -> None:
        curve, now = self._follower.log.curve, time.monotonic()
        if self._trains_since is not None:
            curve.clock_share = self._clock_share(now)
        elif self._config.budget_seconds is not None:
            curve.clock_share = 0.0  # the first point that is read begins the training
        if self._follower.read(at_most):
            self._grew_at = now
            self._curve_file.write(curve)
            if self._trains_since is None and curve.points:
                self._trains_since = now

    def _clock_share(self, now: float) -> float | None:
        """Return the share of the budget that has passed since the training began.

        None where there is no budget, or the lines to read next are older than this engine.
        """
        budget, was_new = self._config.budget_seconds, self._is_new
        self._is_new = True
        if budget is None or self._trains_since is None or not was_new:
            return None
        return min(1.0, (now - self._trains_since) / budget)

    def _report_progress(self) -> None:
        progress = self._follower.log.progress
        if progress.phase is not self._phase:
            self._phase, self._phase_since = progress.phase, time.monotonic()
        self._on_progress(progress)

    def _enforce(self) -> None:
        if self._killed_by is not None:
            return
        config, now = self._config, time.monotonic()
        gap = now - self._polled_at - POLL_SECONDS
        self._polled_at = now
        if gap > _ASLEEP_SECONDS:
            # The engine did not run for a while (suspended, or starved), nor perhaps did the run.
            self._phase_since += gap
            self._grew_at += gap
        if not self._follower.log.progress.budgeted:
            # The phase is a guess: a silent script may be healthy. Only the hard deadline counts.
            return
        in_phase = now - self._phase_since
        reason: str | None = None
        match self._phase:
            case Phase.STARTING:
                if in_phase > config.startup_seconds:
                    reason = "start-up"
            case Phase.TRAINING:
                limit = config.budget_seconds
                if limit is not None and in_phase > 2 * limit + _TRAINING_SLACK_SECONDS:
                    reason = "training"
                elif now - self._grew_at > config.silence_seconds:
                    reason = "silence"
            case Phase.EVALUATING:
                if in_phase > config.evaluation_seconds:
                    reason = "evaluation"
            case Phase.RUNNING:
                pass
        if reason is not None:
            self._killed_by = reason
            self.handle.kill()
