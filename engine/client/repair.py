"""Repairs the journal of a session that no engine has open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import find_journal
from engine.core.errors import WorkspaceError
from engine.protocol.endpoint import EngineLock
from engine.store.journal_repair import JournalRepair, plan_repair, repair_journal
from engine.store.results_tsv import drop_rows

__all__ = ["JournalRepair", "begin_repair", "drop_lost_rows", "repair_journal"]


@contextmanager
def begin_repair(workspace: Path, tag: str | None) -> Iterator[tuple[str, JournalRepair]]:
    """Keep engines away from a workspace, and find what can be kept of a session's journal.

    Args:
        workspace: The workspace that holds the session.
        tag: The session's tag; None for the newest one.

    Yields:
        The session's tag, and the repair, to be passed to `repair_journal`.

    Raises:
        EngineBusyError: An engine runs.
        WorkspaceError: There is no such session.
        JournalError: The journal cannot be read.
    """
    journal = find_journal(workspace, tag)
    lock = EngineLock(workspace)
    try:
        yield journal.parent.name, plan_repair(journal)
    finally:
        lock.release()


def drop_lost_rows(workspace: Path, repair: JournalRepair) -> Path | None:
    """Remove the rows of experiments that a repair drops from the session's results table.

    Returns:
        The path of the table as it was, which is kept beside it; None where there is no such row.

    Raises:
        WorkspaceError: The table cannot be read or written.
    """
    session = repair.session
    table = workspace / session.results_file
    try:
        metric = session.config.metric
        return drop_rows(table, metric, repair.lost_commits, repair.table_start)
    except OSError as error:
        why = f"{error.strerror or error}."
        raise WorkspaceError(f"The results table {table} cannot be written.", why) from None
