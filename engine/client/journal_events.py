"""The events of a session as they lie in its journal, from the first on and as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core.errors import JournalError, WorkspaceError
from engine.core.events import AnyEvent
from engine.store.artifacts import Layout, sessions
from engine.store.journal import read_journal
from engine.store.workspace import Workspace

_decoder = msgspec.json.Decoder(AnyEvent)


class JournalLine(NamedTuple):
    """An event, and the line of the journal it is."""

    event: AnyEvent
    text: str
    """Exactly as journaled, without the newline."""


def newest_tag(workspace: Path) -> str:
    """The session that was written to last.

    Raises:
        WorkspaceError: There is none.
    """
    tags = sessions(workspace)
    if not tags:
        raise WorkspaceError(
            f"There is no session in {workspace}.", "", "Start one with `autoresearch-tui` there."
        )
    return tags[-1]


def events_of(workspace: Path, tag: str) -> Iterator[AnyEvent]:
    """All that happened in a session, oldest first.

    Raises:
        JournalError: The journal is damaged.
    """
    return read_journal(Layout(workspace, tag).journal)


class JournalFollower:
    """A session's journal, read as it grows. An engine that goes and another that comes are the
    same journal.

    Args:
        workspace: Whose session.
        tag: Of the session.
    """

    def __init__(self, workspace: Path, tag: str) -> None:
        self._path = Layout(workspace, tag).journal
        self._place = 0
        self._lines = 0

    def read_new(self) -> Iterator[JournalLine]:
        """The events written since the last call; a line that is still being written comes whole
        the next time.

        Raises:
            JournalError: A line is damaged.
        """
        with open(self._path, "rb") as file:
            file.seek(self._place)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return
                self._place += len(raw)
                self._lines += 1
                try:
                    event = _decoder.decode(raw)
                    text = raw.decode().rstrip("\n")
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise JournalError(
                        f"{self._path}, line {self._lines} is damaged.", f"{error}."
                    ) from None
                yield JournalLine(event, text)


class JournalCache:
    """All that happened in a session so far, kept in memory.

    Args:
        workspace: Whose session.
        tag: Of the session.
    """

    def __init__(self, workspace: Path, tag: str) -> None:
        self.tag = tag
        self.events: list[AnyEvent] = []
        self._follower = JournalFollower(workspace, tag)
        self._damaged: JournalError | None = None

    def refresh(self) -> None:
        """Read what was added.

        Raises:
            JournalError: A line is damaged; what came before it is there.
        """
        if self._damaged is not None:
            raise self._damaged
        try:
            self.events += (line.event for line in self._follower.read_new())
        except JournalError as error:
            self._damaged = error
            raise
        except OSError as error:
            raise JournalError("The journal cannot be read.", f"{error.strerror}.") from None


def text_at(workspace: Path, commit: str, name: str) -> str | None:
    """A file of the workspace as a commit has it; None where it has none."""
    return Workspace(workspace).try_read(commit, name)
