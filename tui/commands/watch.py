"""The verb `watch`: prints each event of a session as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
from pathlib import Path

import click

from engine.client.connection import EngineLink
from engine.client.sessions import engine_pid, find_workspace, newest_tag
from engine.core.errors import EngineGoneError, UsageError
from engine.core.layout import Layout
from engine.core.reducer import apply
from engine.core.session import Session
from engine.protocol import messages
from engine.store.journal import JournalReader
from tui.commands.options import json_option, workspace_argument
from tui.commands.output import clean_json, echo
from tui.commands.reporter import Reporter
from tui.present.summary import summary_lines

_POLL_SECONDS = 0.1
_RETRY_SECONDS = 1.0


@click.command()
@workspace_argument
@click.option("--all", "from_start", is_flag=True, help="Begin with the session's first event.")
@click.option(
    "--from",
    "first",
    type=click.IntRange(1),
    metavar="SEQ",
    help="Begin with the event of that number, to continue an earlier watch.",
)
@json_option
def watch(path: Path, from_start: bool, first: int | None, as_json: bool) -> None:
    """Print each event as it happens, until the session ends.

    With --json each line is an event exactly as the journal has it. An engine that stops and is
    started again is waited for. The exit code is 0 at the end of the session, 130 after Ctrl+C.
    """
    if from_start and first is not None:
        raise UsageError("Only one of --all and --from.")
    workspace = find_workspace(path)
    try:
        asyncio.run(Watcher(workspace, as_json=as_json).watch(1 if from_start else first))
    except KeyboardInterrupt:
        sys.exit(130)


class Watcher:
    """Follows the journal of a workspace's newest session, and prints each event.

    Args:
        workspace: The workspace with the session.
        as_json: Whether to print each event's JSON line from the journal, not a description.
    """

    def __init__(self, workspace: Path, *, as_json: bool) -> None:
        self._workspace = workspace
        self._journal = JournalReader(Layout(workspace, newest_tag(workspace)).journal)
        self._as_json = as_json
        self._terminal = sys.stdout.isatty()
        self._reporter = Reporter(sys.stdout, terminal=self._terminal)
        self._session = Session()

    async def watch(self, first: int | None) -> None:
        """Print events until the session has ended or the reader of the output is gone.

        Args:
            first: Sequence number of the first event to print; None: only new events are printed.

        Raises:
            JournalError: The journal is damaged.
        """
        if first is None:
            for line in self._journal.read_new():
                self._session = apply(self._session, line.event)
            first = 1
        bar = asyncio.create_task(self._follow_bar())
        warned = False
        try:
            while True:
                over = self._over()
                self._print_new(first)
                if over or self._reader_is_gone():
                    break
                alive = engine_pid(self._workspace) is not None
                if not (warned or alive or self._session.ended):
                    warned = True
                    echo("No engine is at work; waiting for one.", err=True)
                warned = warned and not alive
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            bar.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await bar
        if not self._as_json and not self._reporter.broken:
            for text in summary_lines(self._session):
                self._reporter.line(text)

    def _over(self) -> bool:
        """Return whether the session has ended and its engine will write no more events."""
        if self._session.ended is None:
            return False
        return self._session.engine_pid is None or engine_pid(self._workspace) is None

    def _print_new(self, first: int) -> None:
        for line in self._journal.read_new():
            self._session = apply(self._session, line.event)
            if line.event.seq < first:
                continue
            if self._as_json:
                sys.stdout.write(clean_json(line.line.decode()))
                sys.stdout.flush()
            else:
                self._reporter.event(line.event, self._session)

    def _reader_is_gone(self) -> bool:
        """Return whether the reader of the output, such as `head`, is gone; write nothing to find
        out.
        """
        if self._reporter.broken:
            return True
        try:
            number = sys.stdout.fileno()
        except (OSError, ValueError):
            return False
        watching = select.poll()
        watching.register(number, 0)
        return any(happened & select.POLLERR for _, happened in watching.poll(0))

    async def _follow_bar(self) -> None:
        """Draw the progress bar of the current run on a terminal, until cancelled.

        Connects again when an engine is gone; does nothing without a terminal or with JSON.
        """
        if self._as_json or not self._terminal:
            return
        while True:
            link = EngineLink(self._workspace)
            try:
                await link.start()
                async for message in link.messages():
                    if isinstance(message, messages.Progress):
                        self._reporter.progress(message)
            except EngineGoneError:
                pass
            finally:
                await link.close()
            await asyncio.sleep(_RETRY_SECONDS)
