"""Starts an engine and prints its progress until the session ends, for the verb `run`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from engine.client import launch
from engine.client.connection import EngineLink
from engine.client.sessions import read_session
from engine.core import events as ev
from engine.core.enums import Actor, RunPurpose, StopMode
from engine.core.errors import EngineGoneError, EnvironmentProblem
from engine.core.keep_rule import RULES
from engine.core.reducer import apply
from engine.core.session import Session
from engine.core.text import one_line
from engine.protocol import commands, messages
from tui.commands.output import echo
from tui.commands.reporter import Reporter
from tui.commands.window import open_screen
from tui.present.summary import experiment_line, summary_lines


def run_in_foreground(workspace: Path, *, screen: bool, baseline_only: bool = False) -> Session:
    """Start an engine, and print what happens until its session has ended.

    Args:
        workspace: The workspace in which to run the session.
        screen: Whether to open the full screen first; lines are printed after the user leaves it.
        baseline_only: Whether to stop the session after its baseline.

    Returns:
        The session's state at its end.

    Raises:
        EnvironmentProblem: The baseline could not be measured.
        AutoresearchError: The engine could not start, or ended with an error.
    """
    process, log = launch.spawn_engine(workspace)
    launch.wait_for_engine(workspace, process, log)
    if screen:
        with contextlib.suppress(EngineGoneError):
            open_screen(workspace)
    session = asyncio.run(EngineFollower(workspace, baseline_only=baseline_only).follow())
    code = process.wait()
    if code < 0:
        raise EngineGoneError(
            f"The engine was killed by signal {-code}.",
            "What was recorded is safe, and an active run continues to its end.",
            "Continue with `autoresearch-tui start`.",
        )
    if code:
        raise launch.engine_error(code, log)
    for line in summary_lines(session):
        echo(line)
    return session


class EngineFollower:
    """Prints what an engine reports until it exits, and turns Ctrl+C into a stop of the session."""

    def __init__(self, workspace: Path, *, baseline_only: bool = False) -> None:
        self._workspace = workspace
        self._link = EngineLink(workspace, "command line")
        self._reporter = Reporter(sys.stdout, terminal=sys.stdout.isatty())
        self._baseline_only = baseline_only
        self._interrupts = 0
        self._stopped_for_pipe = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> Session:
        """Print what the engine reports until it exits, and return the session's last state.

        Raises:
            EnvironmentProblem: The baseline could not be measured.
        """
        try:
            session = await self._link.start()
        except EngineGoneError:
            # It ended before a connection was made; everything is in the journal.
            return read_session(self._workspace)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        loop.add_signal_handler(signal.SIGTERM, self._stop, StopMode.NOW)
        self._show_past(session)
        failed = self._baseline_failure(session)
        if self._baseline_only and _is_last_of_baseline(session):
            self._stop(StopMode.AFTER_RUN, "only the baseline was asked for")
        if failed is not None:
            self._stop(StopMode.NOW, "the baseline could not be measured")
        async for message in self._link.messages():
            if isinstance(message, messages.Progress):
                self._reporter.progress(message)
            elif isinstance(message, messages.Stalled) and message.reason:
                self._reporter.line(f"Waiting: {one_line(message.reason)} It goes on by itself.")
            elif isinstance(message, messages.EventAppended):
                session = apply(session, message.event)
                if isinstance(message.event, ev.Paused) and failed is None:
                    failed = self._baseline_failure(session)
                    if failed is not None:
                        # Printed once, as the error with which the command ends.
                        self._stop(StopMode.NOW, "the baseline could not be measured")
                        continue
                self._reporter.event(message.event, session)
                started = isinstance(message.event, ev.RunStarted)
                if started and self._baseline_only and _is_last_of_baseline(session):
                    self._stop(StopMode.AFTER_RUN, "only the baseline was asked for")
            if self._reporter.broken and not self._stopped_for_pipe:
                # The reader of the output is gone, as after `| head`.
                self._stopped_for_pipe = True
                self._stop(StopMode.NOW, "the reader of the output is gone")
        await self._link.close()
        if failed is not None:
            raise failed
        return session

    def _show_past(self, session: Session) -> None:
        for experiment in session.experiments[-3:]:
            if experiment.verdict is not None:
                self._reporter.line(experiment_line(session, experiment))
        if session.pause is not None:
            self._reporter.line(f"Paused: {one_line(session.pause.reason)}")

    def _baseline_failure(self, session: Session) -> EnvironmentProblem | None:
        pause = session.pause
        if pause is None or pause.by is not Actor.ENGINE or session.incumbent is not None:
            return None
        reason = pause.reason.rstrip(". \n")
        why = f"{reason[:1].upper()}{reason[1:]}."
        return EnvironmentProblem("The baseline could not be measured.", why, pause.todo)

    def _interrupted(self) -> None:
        self._interrupts += 1
        now = self._interrupts > 1
        self._stop(StopMode.NOW if now else StopMode.AFTER_RUN)
        self._reporter.line(
            "Stopping now." if now else "Stopping after this run; press Ctrl+C again to stop now."
        )

    def _stop(self, mode: StopMode, reason: str = "") -> None:
        command = commands.StopSession(mode=mode, reason=reason)

        async def send() -> None:
            with contextlib.suppress(EngineGoneError):
                await self._link.send(command)

        task = asyncio.get_running_loop().create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_last_of_baseline(session: Session) -> bool:
    """Return whether the run that trains is the last one that the baseline needs."""
    rule = RULES.get(session.config.rule)
    needed = rule.baseline_runs(session.config) if rule is not None else 1
    baseline = session.in_training
    return baseline is not None and len(baseline.values(RunPurpose.TRIAL)) + 1 >= needed
