"""Keeps the events of a session in memory, and extends them as its journal grows."""

from __future__ import annotations

from pathlib import Path

from engine.core.errors import JournalError
from engine.core.events import AnyEvent
from engine.core.layout import Layout
from engine.store.journal import JournalReader


class JournalCache:
    """The events of a session, read from its journal and kept in memory.

    Args:
        workspace: The workspace that holds the session.
        tag: The session's tag.
    """

    def __init__(self, workspace: Path, tag: str) -> None:
        self.tag = tag
        self.events: list[AnyEvent] = []
        self._reader = JournalReader(Layout(workspace, tag).journal)
        self._damage: JournalError | None = None

    def refresh(self) -> None:
        """Append the events written to the journal since the last refresh to `events`.

        Raises:
            JournalError: A line is damaged or the file cannot be read; earlier events are kept.
        """
        if self._damage is not None:
            raise self._damage
        try:
            self.events += (line.event for line in self._reader.read_new())
        except JournalError as error:
            self._damage = error
            raise
        except OSError as error:
            raise JournalError("The journal cannot be read.", f"{error.strerror}.") from None
