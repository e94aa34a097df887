"""Proves before the baseline that runs use the file that is edited, by a run that has to fail."""

from __future__ import annotations

import asyncio
import contextlib
import time

from engine.core import events as ev
from engine.core.edit_use import (
    UNUSABLE,
    EditUse,
    accepts_any_text,
    combine_uses,
    judge_use,
    same_file,
)
from engine.core.enums import AlarmKind, Outcome
from engine.core.errors import EnvironmentProblem
from engine.core.records import Experiment
from engine.executors.local import RunHandle
from engine.loop.context import SessionContext
from engine.loop.log_follower import LogFollower
from engine.loop.run_place import RunPlace

_POLL_SECONDS = 0.25
_OTHER_SECONDS = 20.0
"""After a copy of the file was opened, the file itself may be opened for this long."""
_GOES_ON_SECONDS = 60.0
"""A run that opened an unusable file may take this long to fail."""


class EditProbe:
    """Runs the command once with an unusable editable file, which must not give a result.

    A run may use another file: through an installed package, a variable or an absolute path.

    Args:
        context: The session's journal, files and config.
        place: The worktree where the runs happen.
    """

    def __init__(self, context: SessionContext, place: RunPlace) -> None:
        self._context = context
        self._place = place

    def is_due(self, experiment: Experiment) -> bool:
        """Return whether a run of the baseline is next, and it is not known what runs use.

        A run that failed says nothing of it: the check may have failed for the same reason.
        """
        session, runs = self._context.session, experiment.runs
        if not session.config.probe or not experiment.is_baseline:
            return False
        if any(run.outcome in (None, Outcome.FINISHED) for run in runs):
            return False
        use = session.edit_use
        return use is None or use.used is False or use.runs < len(runs)

    async def run(self, experiment: Experiment) -> None:
        """Run the command with an unusable file, and record whether that file was used.

        Each of several editable files is made unusable in a run of its own. Nothing is recorded
        where the user pauses or stops meanwhile.

        Raises:
            EnvironmentProblem: The runs use another file, the command cannot be started, or its
                supervisor was killed.
        """
        context, began = self._context, time.monotonic()
        uses: dict[str, EditUse] = {}
        for file in self._place.edited:
            use = await self._probe(experiment, file, first=not uses)
            if use is None:
                return
            uses[file] = use
        use, unused = combine_uses(uses)
        context.record(
            ev.EditProbed(
                experiment=experiment.number,
                used=use.used,
                reason=use.reason,
                seconds=time.monotonic() - began,
            )
        )
        if use.used is None:
            message = f"It is not known whether runs use the edited file. {use.reason}"
            context.alarm(AlarmKind.RUN, message, experiment=experiment.number)
        elif not use.used:
            where = self._place.find_fixed_path()
            raise EnvironmentProblem(
                "The run command does not run the file that is edited.",
                f"{use.reason} {where} names your checkout." if where else use.reason,
                "Start with another --tag and a --command that names the file by a path within the "
                "workspace, or leave this check out with --no-probe.",
            )
        elif unused:
            message = f"Runs do not use {', '.join(unused)}: an edit of it alone changes nothing."
            context.alarm(AlarmKind.RUN, message, experiment=experiment.number)

    async def _probe(self, experiment: Experiment, file: str, *, first: bool) -> EditUse | None:
        """Run the command with one unusable file; return None where the user interrupted it.

        Args:
            experiment: The baseline.
            file: The file, relative to the top of the repository.
            first: Whether it is the first of the editable files.
        """
        context = self._context
        directory = context.layout.experiment(experiment.number) / "probe"

        def alarm(message: str) -> None:
            context.alarm(AlarmKind.RUN, f"the check of the edited file: {message}")

        if directory.exists():
            await RunHandle(directory).end(alarm)  # left by an engine that was killed
        await self._place.prepare(experiment)
        if self._is_interrupted():
            return None
        path = self._place.worktree / file
        path.unlink(missing_ok=True)  # not through a link
        path.write_text(UNUSABLE, "utf-8")
        if first:
            context.record(ev.EditProbeStarted(experiment=experiment.number))
        handle = self._place.start(
            directory, deadline_seconds=context.session.config.deadline_seconds
        )
        try:
            ended = await self._wait(handle, file)
        finally:
            handle.kill()
        await handle.end(alarm)
        return None if ended is None else self._judge(handle, file, ended)

    def _is_interrupted(self) -> bool:
        session = self._context.session
        current = session.current
        skipped = current is None or current.skipped is not None
        return session.pause is not None or session.stop is not None or skipped

    async def _wait(self, handle: RunHandle, file: str) -> bool | None:
        """Wait until the run has ended, or it is clear without its end which file it uses.

        Args:
            handle: The run.
            file: The unusable file.

        Returns:
            True where it ended by itself; None where the user interrupted it.
        """
        since = 0.0
        waiting = asyncio.ensure_future(handle.wait())
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=_POLL_SECONDS)
                if done:
                    report = handle.report()
                    if report is None:
                        raise EnvironmentProblem(
                            "The check whether the edited file runs was broken off.",
                            handle.report_fault or "Its supervisor was killed.",
                            "Resume to try again.",
                        )
                    return report.killed_by is None
                if self._is_interrupted():
                    return None
                trace = self._place.trace(handle.directory)
                if file in trace.edited and accepts_any_text(file):
                    return False
                opened = file in trace.edited
                if opened or same_file(file, trace.others, self._place.checkout):
                    since = since or time.monotonic()
                    limit = _GOES_ON_SECONDS if opened else _OTHER_SECONDS
                    if time.monotonic() - since > limit:
                        return False
        finally:
            if not waiting.done():
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting

    def _judge(self, handle: RunHandle, file: str, ended: bool) -> EditUse:
        config, trace = self._context.session.config, self._place.trace(handle.directory)
        log = LogFollower(handle, config.metric_rule).read_all()
        self._place.read_metric_file(log, handle.directory)
        report = handle.report()
        failed = ended and report is not None and report.exit_code != 0
        return judge_use(
            file,
            config.metric,
            measured=log.metric_value is not None and not failed,
            ended=ended,
            opened=file in trace.edited,
            others=trace.others,
            checkout=self._place.checkout,
        )
