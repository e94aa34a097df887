"""Repairs the journal of a session that no engine has open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import newest_tag
from engine.core.errors import WorkspaceError
from engine.core.layout import Layout
from engine.protocol.endpoint import EngineLock
from engine.store.journal import session_tags
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
    wanted = newest_tag(workspace) if tag is None else tag
    if wanted not in session_tags(workspace):
        raise WorkspaceError(f"There is no session {wanted!r} in {workspace}.")
    lock = EngineLock(workspace)
    try:
        yield wanted, plan_repair(Layout(workspace, wanted).journal)
    finally:
        lock.release()
