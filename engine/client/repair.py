"""Repairs the journal of a session that no engine has open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import find_journal
from engine.protocol.endpoint import EngineLock
from engine.store.journal_repair import JournalRepair, plan_repair, repair_journal

__all__ = ["JournalRepair", "begin_repair", "repair_journal"]


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
