"""Reads the journals of a workspace's earlier sessions and summarises them for the agent."""

from __future__ import annotations

from pathlib import Path

from engine.core.analysis.earlier import Earlier, earlier_text
from engine.core.errors import JournalError
from engine.core.layout import Layout
from engine.core.reducer import CONTRADICTIONS, apply
from engine.core.session import Session
from engine.store.journal import read_journal, session_tags

_MAX_SESSIONS = 5
_MAX_JOURNAL_BYTES = 200 * 2**20


def earlier_sessions(workspace: Path, tag: str) -> str:
    """Return best results, failed ideas and measured noise of the last five other sessions.

    Reads whole journals, so call it once per engine. A damaged journal is used as far as it can be
    read; it raises no error.

    Args:
        workspace: The researcher's git repository.
        tag: The tag of the current session, which is left out.

    Returns:
        At most 6,000 characters; empty where there is nothing to report.
    """
    tags = [other for other in reversed(session_tags(workspace)) if other != tag]
    return earlier_text([_read(Layout(workspace, other).journal) for other in tags[:_MAX_SESSIONS]])


def _read(path: Path) -> Earlier:
    session = Session()
    try:
        if path.stat().st_size > _MAX_JOURNAL_BYTES:
            return Earlier(session, "its journal is too large")
        for event in read_journal(path):
            session = apply(session, event)
    except JournalError as error:
        return Earlier(session, error.what)
    except (OSError, *CONTRADICTIONS) as error:
        # Valid events that contradict each other, or a failing disk.
        return Earlier(session, f"it cannot be read further ({type(error).__name__})")
    return Earlier(session)
