"""The reports an engine writes by itself: on the way, and at the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.core import events as ev
from engine.core.words import Verdict
from engine.report.markdown import SUMMARY, markdown
from engine.report.sources import session_facts
from engine.store.artifacts import Layout
from engine.store.durable import write_durably
from engine.store.journal import Journal

EVERY = 10
_CLOSE_SECONDS = 20.0


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

    def attach(self, journal: Journal) -> None:
        """Write from now on; needs a running event loop."""
        self._journal = journal
        journal.listen(self._happened)

    def _happened(self, event: ev.AnyEvent) -> None:
        assert self._journal is not None
        if self._closed:
            return
        session = self._journal.session
        match event:
            case ev.VerdictGiven():
                every = int(getattr(session.config, "report_every", EVERY))
                if every > 0 and session.counts.total % every == 0:
                    self._due = session.counts.total
                    self._keeps = event.verdict is Verdict.KEEP
            case ev.SessionEnded():
                self._due = 0
                self._write(self._layout.session / SUMMARY, event.seq, progress=False)
            case ev.RowWritten() if self._keeps:
                pass  # the branch moves next, and with it the best
            case _ if self._due:
                path = self._layout.session / "report" / f"progress-{self._due:04d}.md"
                self._due = 0
                self._write(path, event.seq, progress=True)
            case _:
                pass

    def _write(self, path: Path, upto: int, *, progress: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._in_turn(path, upto, progress))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _in_turn(self, path: Path, upto: int, progress: bool) -> None:
        try:
            async with self._turn:
                await asyncio.to_thread(self._make, path, upto, progress)
        except Exception as error:
            self._complain(path, error)

    def _make(self, path: Path, upto: int, progress: bool) -> None:
        facts = session_facts(self._layout.journal, upto)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, markdown(facts, progress=progress).encode("utf-8", "replace"))

    def _complain(self, path: Path, error: Exception) -> None:
        """Once; the next failures are no news."""
        if self._failed or self._closed or self._journal is None:
            return
        self._failed = True
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        message = (
            f"{path.name} could not be written ({why}); `autoresearch-tui report` tries again."
        )
        self._journal.append(ev.AlarmRaised(kind="report", message=message))

    async def close(self) -> None:
        """Wait for what is being written; call it before the journal is closed."""
        if self._writing:
            await asyncio.wait(set(self._writing), timeout=_CLOSE_SECONDS)
        self._closed = True
