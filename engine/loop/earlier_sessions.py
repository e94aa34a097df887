"""Memory across the sessions of one workspace: what the earlier ones found, for the next agent."""

from __future__ import annotations

from pathlib import Path

from engine.core.analysis.earlier import Earlier, earlier_text
from engine.core.errors import JournalError
from engine.core.layout import Layout
from engine.core.reducer import CONTRADICTIONS, apply
from engine.core.session import Session
from engine.store.journal import read_journal, session_tags

_MOST_SESSIONS = 5
_LARGEST_JOURNAL = 200 * 2**20


def earlier_sessions(workspace: Path, tag: str) -> str:
    """Leaderboard, dead ends and noise by machine of the sessions before one, as a bounded text.

    Reads whole journals: to be called once, when an engine takes a session up. Never raises for
    what lies in them; a damaged one is told as far as it can be read.

    Args:
        workspace: Whose sessions.
        tag: Of the session that is to be told; it is left out itself.

    Returns:
        The text, at most 6,000 characters; empty where there is nothing to tell.
    """
    tags = [other for other in reversed(session_tags(workspace)) if other != tag]
    return earlier_text(
        [_read(Layout(workspace, other).journal) for other in tags[:_MOST_SESSIONS]]
    )


def _read(path: Path) -> Earlier:
    session = Session()
    try:
        if path.stat().st_size > _LARGEST_JOURNAL:
            return Earlier(session, "its journal is too large")
        for event in read_journal(path):
            session = apply(session, event)
    except JournalError as error:
        return Earlier(session, error.what)
    except (OSError, *CONTRADICTIONS) as error:
        # Lines that decode and yet contradict each other, or a disk that fails.
        return Earlier(session, f"it cannot be read further ({type(error).__name__})")
    return Earlier(session)
