"""Writes summaries while an engine runs: progress reports, and a final one at the end."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Awaitable
from pathlib import Path

from engine.core import events as ev
from engine.core.enums import AlarmKind, StopMode, Verdict
from engine.core.errors import JournalError
from engine.core.layout import Layout
from engine.report import suggestions
from engine.report.markdown import SUMMARY, markdown
from engine.report.sources import session_facts
from engine.report.suggest import SECONDS, SuggestionReply, ask_model, model_of
from engine.store.durable import write_durably
from engine.store.journal import Journal

_log = logging.getLogger(__name__)

FEWEST = 5
"""Number of experiments from which a language model is asked for suggestions at the end."""
_CLOSE_SECONDS = 20.0
_RESULT_CHANGES = (ev.VerdictGiven, ev.Overruled)
_OUTDATED = (
    "> **Outdated.** The session continued after this was written. `autoresearch-tui report` "
    "writes a new one; so does the end of the session.\n\n"
)


class Reports:
    """Writes summaries into a session's directory as events are added to its journal.

    They are written in a thread: the engine never waits for them, and an error becomes an alarm.
    At the end it may ask the session's language model for suggestions, a paid call.

    Args:
        layout: The paths of the session's files.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._journal: Journal | None = None
        self._due = 0
        self._keeps = False
        self._writing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._failed = False
        self._closed = False
        self._at_once = False
        """True if the session is to end immediately, without asking a model for suggestions."""
        self._asking: asyncio.Task[SuggestionReply] | None = None
        self._summary = layout.session / SUMMARY
        self._summary_exists = self._summary.exists()

    def attach(self, journal: Journal) -> None:
        """Write summaries from now on as a journal grows; requires a running event loop."""
        self._journal = journal
        journal.listen(self._on_event)

    def _on_event(self, event: ev.AnyEvent) -> None:
        assert self._journal is not None
        if self._closed:
            return
        session = self._journal.session
        if self._summary_exists and isinstance(event, _RESULT_CHANGES):
            self._summary_exists = False
            self._schedule(self._summary, asyncio.to_thread(_mark_outdated, self._summary))
        match event:
            case ev.VerdictGiven():
                every = session.config.report_every
                if every > 0 and session.counts.total % every == 0:
                    self._due = session.counts.total
                    self._keeps = event.verdict is Verdict.KEEP
            case ev.SessionEnded():
                self._due = 0
                self._schedule(self._summary, self._finish(event.seq))
            case ev.StopRequested():
                self._at_once = event.mode is StopMode.NOW
            case ev.StopCancelled():
                self._at_once = False
            case ev.RowWritten() if self._keeps:
                pass  # wait for the branch, and with it the incumbent, to move
            case _ if self._due:
                path = self._layout.session / "report" / f"progress-{self._due:04d}.md"
                self._due = 0
                self._schedule(path, asyncio.to_thread(self._write, path, event.seq, progress=True))
            case _:
                pass

    def _schedule(self, path: Path, work: Awaitable[None]) -> None:
        task = asyncio.get_running_loop().create_task(self._in_turn(path, work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _in_turn(self, path: Path, work: Awaitable[None]) -> None:
        try:
            async with self._turn:
                await work
        except Exception as error:
            self._report_failure(path, error)

    def _write(self, path: Path, upto: int, *, progress: bool) -> None:
        facts = session_facts(self._layout.journal, upto)
        if not progress:
            facts = suggestions.with_saved(facts, self._layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, markdown(facts, progress=progress).encode("utf-8", "replace"))

    async def _finish(self, upto: int) -> None:
        """Write the final summary, and again once the session's model has suggested next steps.

        Args:
            upto: Sequence number of the last event that the summary covers.
        """
        await asyncio.to_thread(self._write, self._summary, upto, progress=False)
        if await self._suggest(upto):
            assert self._journal is not None
            seq = self._journal.session.seq
            await asyncio.to_thread(self._write, self._summary, seq, progress=False)

    async def _suggest(self, upto: int) -> bool:
        """Ask the session's model for next steps, a paid call, if the settings want it.

        The answer is saved and its cost journaled.

        Args:
            upto: Sequence number of the last event that the question covers.

        Returns:
            True if the model was asked, so that the summary must be written again.
        """
        assert self._journal is not None
        session = self._journal.session
        wanted = session.config.suggest and bool(model_of(session.config))
        if self._at_once or not wanted or session.counts.total < FEWEST:
            return False
        facts = await asyncio.to_thread(session_facts, self._layout.journal, upto)
        known = suggestions.with_saved(facts, self._layout).suggested
        if known is not None and known.steps:
            return False  # the user asked just before the end
        spent = suggestions.spending_of(session, self._layout)
        self._asking = asyncio.create_task(
            ask_model(facts, session.config, spent, self._layout.workspace, os.environ)
        )
        await asyncio.wait({self._asking})
        if self._asking.cancelled() or self._closed:
            return False
        reply = self._asking.result()
        for call in reply.calls:
            self._journal.append(ev.CostIncurred(experiment=0, **dataclasses.asdict(call)))
        await asyncio.to_thread(suggestions.save, self._layout, facts, reply.suggested, own=False)
        return True

    def hurry(self) -> None:
        """Cancel a question to a model that is under way, because the engine is to exit."""
        self._at_once = True
        if self._asking is not None:
            self._asking.cancel()

    def _report_failure(self, path: Path, error: Exception) -> None:
        """Journal an alarm that a summary could not be written; only for the first failure."""
        if self._failed or self._closed or self._journal is None:
            return
        self._failed = True
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        message = (
            f"{path.name} could not be written ({why}); `autoresearch-tui report` tries again."
        )
        try:
            self._journal.append(ev.AlarmRaised(kind=AlarmKind.REPORT, message=message))
        except JournalError as failure:
            _log.error("%s This was not recorded: %s", message, failure)

    async def close(self) -> None:
        """Wait for unfinished summaries; call this before the journal is closed."""
        if self._writing:
            await asyncio.wait(set(self._writing), timeout=_CLOSE_SECONDS + SECONDS)
        self._closed = True


def _mark_outdated(path: Path) -> None:
    """Insert a notice at the top of a summary file that its session continued."""
    text = path.read_text("utf-8", "replace")
    if not text.startswith(_OUTDATED):
        write_durably(path, (_OUTDATED + text).encode("utf-8", "replace"))
