"""The reports an engine writes by itself: on the way, and at the end."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Awaitable
from pathlib import Path

from engine.core import events as ev
from engine.core.enums import AlarmKind, StopMode, Verdict
from engine.core.layout import Layout
from engine.report import suggestions
from engine.report.markdown import SUMMARY, markdown
from engine.report.sources import session_facts
from engine.report.suggest import SECONDS, SuggestionReply, ask, model_of
from engine.store.durable import write_durably
from engine.store.journal import Journal

FEWEST = 5
"""Of fewer experiments no model is asked: there is nothing to draw on."""
_CLOSE_SECONDS = 20.0
_NEWS = (ev.VerdictGiven, ev.Overruled)
_OLD = (
    "> **Old.** The session went on after this was written. `autoresearch-tui report` writes a new "
    "one; so does the end of the session.\n\n"
)


class Reports:
    """Listens to a journal and writes summaries into the session's own directory, in a thread; the
    loop never waits for one, and no failure of one reaches it.

    Args:
        layout: Where the session's files lie.
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
        """Whether a person wants the end now: then no model is waited for."""
        self._asking: asyncio.Task[SuggestionReply] | None = None
        self._summary = layout.session / SUMMARY
        self._older = self._summary.exists()

    def attach(self, journal: Journal) -> None:
        """Write from now on; needs a running event loop."""
        self._journal = journal
        journal.listen(self._happened)

    def _happened(self, event: ev.AnyEvent) -> None:
        assert self._journal is not None
        if self._closed:
            return
        session = self._journal.session
        if self._older and isinstance(event, _NEWS):
            self._older = False
            self._go(self._summary, asyncio.to_thread(_mark_old, self._summary))
        match event:
            case ev.VerdictGiven():
                every = session.config.report_every
                if every > 0 and session.counts.total % every == 0:
                    self._due = session.counts.total
                    self._keeps = event.verdict is Verdict.KEEP
            case ev.SessionEnded():
                self._due = 0
                self._go(self._summary, self._finish(event.seq))
            case ev.StopRequested():
                self._at_once = event.mode is StopMode.NOW
            case ev.StopCancelled():
                self._at_once = False
            case ev.RowWritten() if self._keeps:
                pass  # the branch moves next, and with it the best
            case _ if self._due:
                path = self._layout.session / "report" / f"progress-{self._due:04d}.md"
                self._due = 0
                self._go(path, asyncio.to_thread(self._make, path, event.seq, progress=True))
            case _:
                pass

    def _go(self, path: Path, work: Awaitable[None]) -> None:
        task = asyncio.get_running_loop().create_task(self._in_turn(path, work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _in_turn(self, path: Path, work: Awaitable[None]) -> None:
        try:
            async with self._turn:
                await work
        except Exception as error:
            self._complain(path, error)

    def _make(self, path: Path, upto: int, *, progress: bool) -> None:
        facts = session_facts(self._layout.journal, upto)
        if not progress:
            facts = suggestions.with_kept(facts, self._layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, markdown(facts, progress=progress).encode("utf-8", "replace"))

    async def _finish(self, upto: int) -> None:
        """The summary at once, and again when the session's model was asked for next steps."""
        await asyncio.to_thread(self._make, self._summary, upto, progress=False)
        if await self._suggest(upto):
            assert self._journal is not None
            seq = self._journal.session.seq
            await asyncio.to_thread(self._make, self._summary, seq, progress=False)

    async def _suggest(self, upto: int) -> bool:
        """Whether there is something new to be said."""
        assert self._journal is not None
        session = self._journal.session
        wanted = session.config.suggest and bool(model_of(session.config))
        if self._at_once or not wanted or session.counts.total < FEWEST:
            return False
        facts = await asyncio.to_thread(session_facts, self._layout.journal, upto)
        known = suggestions.with_kept(facts, self._layout).suggested
        if known is not None and known.steps:
            return False  # somebody asked just before the end
        spent = suggestions.spent_by(session, self._layout)
        self._asking = asyncio.create_task(
            ask(facts, session.config, spent, self._layout.workspace, os.environ)
        )
        await asyncio.wait({self._asking})
        if self._asking.cancelled() or self._closed:
            return False
        asked = self._asking.result()
        for call in asked.calls:
            self._journal.append(ev.CostIncurred(experiment=0, **dataclasses.asdict(call)))
        await asyncio.to_thread(suggestions.keep, self._layout, facts, asked.suggested, own=False)
        return True

    def hurry(self) -> None:
        """Do without what a model would say: somebody wants the engine to leave."""
        self._at_once = True
        if self._asking is not None:
            self._asking.cancel()

    def _complain(self, path: Path, error: Exception) -> None:
        """Once; the next failures are no news."""
        if self._failed or self._closed or self._journal is None:
            return
        self._failed = True
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        message = (
            f"{path.name} could not be written ({why}); `autoresearch-tui report` tries again."
        )
        self._journal.append(ev.AlarmRaised(kind=AlarmKind.REPORT, message=message))

    async def close(self) -> None:
        """Wait for what is being written; call it before the journal is closed."""
        if self._writing:
            await asyncio.wait(set(self._writing), timeout=_CLOSE_SECONDS + SECONDS)
        self._closed = True


def _mark_old(path: Path) -> None:
    """Have a summary say that it is not of the session as it stands."""
    text = path.read_text("utf-8", "replace")
    if not text.startswith(_OLD):
        write_durably(path, (_OLD + text).encode("utf-8", "replace"))
