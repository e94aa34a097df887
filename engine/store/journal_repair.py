"""Finds the events of a damaged journal that can be kept, and writes the journal with them alone.

An event can only be kept where all earlier ones are legible and none contradicts them, since each
refers to what happened before.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.core.errors import JournalError
from engine.core.events import AnyEvent, VerdictGiven
from engine.core.reducer import CONTRADICTIONS, apply
from engine.core.session import Session
from engine.store.durable import keep_aside, write_durably
from engine.store.journal_file import MOST_LINE_BYTES
from engine.untrusted_files import open_regular

_COMMIT = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])")
_decoder = msgspec.json.Decoder(AnyEvent)


@dataclass(frozen=True)
class DroppedLine:
    """A line of a journal that a repair drops, with its number, counted from 1, and the reason."""

    number: int
    text: bytes
    reason: str


@dataclass(frozen=True)
class JournalRepair:
    """What a repair makes of a journal."""

    path: Path
    found: bytes
    """The journal's content, with its damage."""
    kept: tuple[bytes, ...]
    """The lines that are kept, in the order of their events."""
    dropped: tuple[DroppedLine, ...]
    """The other lines, in the order of the journal."""
    session: Session
    """The session's state by the events that are kept."""
    table_start: int
    """The size of the results table in bytes before the session's first row."""

    @property
    def is_needed(self) -> bool:
        """Return whether the journal is damaged."""
        return b"".join(self.kept) != self.found

    @property
    def lost_commits(self) -> set[str]:
        """The commits whose rows in the results table the journal no longer knows."""
        dropped = {h.decode() for line in self.dropped for h in _COMMIT.findall(line.text)}
        recorded = {e.commit for e in self.session.experiments if e.row_written}
        return (dropped | {e.commit for e in self.session.experiments if e.commit}) - recorded


def plan_repair(path: Path) -> JournalRepair:
    """Read a journal, and find the lines that can be kept; nothing is written.

    Raises:
        JournalError: The journal is not a regular file or cannot be read.
    """
    found = _read(path)
    dropped: list[DroppedLine] = []
    events: dict[int, tuple[int, bytes, AnyEvent]] = {}
    for number, line in enumerate(io.BytesIO(found), start=1):
        event = _decode(line)
        if event is None:
            dropped.append(DroppedLine(number, line, "it is not a whole event"))
        elif event.seq in events:
            reason = f"there is an event {event.seq} before it"
            dropped.append(DroppedLine(number, line, reason))
        else:
            events[event.seq] = number, line, event
    kept: list[bytes] = []
    session, why = Session(), ""
    for seq, (number, line, event) in sorted(events.items()):
        if not why and seq != len(kept) + 1:
            why = f"event {len(kept) + 1}, which is before it, is lost"
        if not why:
            try:
                session = apply(session, event)
            except CONTRADICTIONS:
                why = f"event {seq} contradicts those before it"
        if why:
            dropped.append(DroppedLine(number, line, why))
        else:
            kept.append(line)
    verdicts = (e for _, (_, _, e) in sorted(events.items()) if isinstance(e, VerdictGiven))
    first = next(verdicts, None)
    return JournalRepair(
        path,
        found,
        tuple(kept),
        tuple(sorted(dropped, key=lambda d: d.number)),
        session,
        first.results_bytes if first is not None else 0,
    )


def _read(path: Path) -> bytes:
    try:
        with open(open_regular(path), "rb") as file:
            return file.read()
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be read.", f"{error.strerror}.") from None


def _decode(line: bytes) -> AnyEvent | None:
    if not line.endswith(b"\n") or len(line) >= MOST_LINE_BYTES:
        return None
    try:
        event: AnyEvent = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event


def repair_journal(repair: JournalRepair) -> Path:
    """Write a journal with the lines that are kept; no engine may have it open.

    Returns:
        The path of the damaged journal, which is kept beside it.

    Raises:
        JournalError: The journal has changed since `plan_repair`, or cannot be written.
    """
    path = repair.path
    if _read(path) != repair.found:
        raise JournalError(f"The journal {path} has changed meanwhile.", "", "Try again.")
    try:
        aside = keep_aside(path, f"{path.stem}.damaged")
        write_durably(path, b"".join(repair.kept), private=True)
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be written.", f"{error.strerror}.") from None
    assert aside is not None
    return aside
