"""Journals of real sessions, which tests read again and again while an engine appends to them.

The functions return what those of the same name in `engine` do, but read a journal only if it has
changed since the last call: a test that waits for a state asks fifty times a second.
"""

from __future__ import annotations

from pathlib import Path

from engine.client.sessions import find_journal
from engine.core.events import AnyEvent
from engine.core.session import Session
from engine.store import journal

Version = tuple[int, int, int]

_sessions: dict[Path, tuple[Version, Session]] = {}
_events: dict[Path, tuple[Version, list[AnyEvent]]] = {}


def read_session(workspace: Path, tag: str | None = None) -> Session:
    """Return the state of a session, by default of the workspace's newest."""
    path = find_journal(workspace, tag)
    version = _version(path)
    if path not in _sessions or _sessions[path][0] != version:
        _sessions[path] = version, journal.fold_journal(path)
    return _sessions[path][1]


def read_journal(path: Path) -> list[AnyEvent]:
    """Return the events of a journal, oldest first; an incomplete last line is left out."""
    version = _version(path)
    if path not in _events or _events[path][0] != version:
        _events[path] = version, list(journal.read_journal(path))
    return list(_events[path][1])


def _version(path: Path) -> Version:
    """Return numbers that differ after any change of a file; taken before the file is read."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
