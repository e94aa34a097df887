"""Appends events to a session's journal and reads them: one JSON line each, synced to the disk.

The engine acts on an event only once it is synced. A crash can tear only the last line, because
each append is one write of one line. The engine has never acted on a torn line; it is moved to
`journal.torn`, so that nothing is lost.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from engine.core.config import settings
from engine.core.enums import AlarmKind
from engine.core.errors import JournalError
from engine.core.events import AlarmRaised, AnyEvent, Event
from engine.core.layout import JOURNAL_NAME, home_of
from engine.core.reducer import CONTRADICTIONS, apply, fold
from engine.core.session import Session
from engine.store.journal_file import MOST_LINE_BYTES, JournalFile, line_too_long
from engine.store.redaction import redact_event
from engine.untrusted_files import open_regular

E_ = TypeVar("E_", bound=Event)

_decoder = msgspec.json.Decoder(AnyEvent)
_encoder = msgspec.json.Encoder()


def session_tags(workspace: Path) -> list[str]:
    """Return the tags of the sessions in a workspace, the one written to last at the end."""
    journals = home_of(workspace).glob(f"*/{JOURNAL_NAME}")
    return [
        tag
        for _, tag in sorted((p.lstat().st_mtime, p.parent.name) for p in journals)
        if not settings()["tag"].mismatch(tag)
    ]


def fold_journal(path: Path) -> Session:
    """Read a journal, and return the state of the session that its events lead to.

    Raises:
        JournalError: A line is damaged or missing, or lines contradict each other.
    """
    try:
        return fold(read_journal(path))
    except CONTRADICTIONS as error:
        raise JournalError(
            f"The lines of {path} contradict each other.",
            f"{type(error).__name__}: {error}.",
            f"`autoresearch-tui replay {shlex.quote(str(path))}` shows what is left of it, and "
            "`autoresearch-tui repair` what a session can go on with.",
        ) from None


class JournalLine(NamedTuple):
    """An event, and its line in the journal as bytes, with the newline."""

    event: AnyEvent
    line: bytes


class JournalReader:
    """Reads the events of a journal in order, and later those that were appended since.

    Args:
        path: The journal's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._seq = 0

    def read_new(self) -> Iterator[JournalLine]:
        """Yield the events appended since the last call, at first all of them.

        An incomplete last line is left for the next call.

        Raises:
            JournalError: A line is damaged, or a sequence number is missing.
        """
        try:
            descriptor = open_regular(self._path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise JournalError(
                f"The journal {self._path} cannot be read.", f"{error.strerror}."
            ) from None
        with open(descriptor, "rb") as file:
            file.seek(self._offset)
            while (line := file.readline(MOST_LINE_BYTES)).endswith(b"\n"):
                event = self._decode(line)
                self._offset += len(line)
                self._seq += 1
                yield JournalLine(event, line)
        if len(line) == MOST_LINE_BYTES:
            raise line_too_long(self._path, self._seq + 1)

    def _decode(self, line: bytes) -> AnyEvent:
        expected = self._seq + 1  # also the number of the line
        try:
            event: AnyEvent = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise JournalError(
                f"{self._path}, line {expected} is damaged.",
                f"{error}.",
                f"`autoresearch-tui replay {shlex.quote(str(self._path))}` shows its legible "
                "lines, and `autoresearch-tui repair` what a session can go on with.",
            ) from None
        if event.seq != expected:
            raise JournalError(
                f"{self._path}, line {expected} has sequence number {event.seq}, "
                f"expected {expected}.",
                "Lines were removed, repeated or reordered.",
                f"`autoresearch-tui replay {shlex.quote(str(self._path))}` shows what is left, and "
                "`autoresearch-tui repair` what a session can go on with.",
            )
        return event


def read_journal(path: Path) -> Iterator[AnyEvent]:
    """Yield the events of a journal, oldest first; an incomplete last line is left out.

    Raises:
        JournalError: A line is damaged, or a sequence number is missing.
    """
    return (line.event for line in JournalReader(path).read_new())


class Journal:
    """A session's journal open for appending, and the session its events lead to so far.

    Only one process at a time may have it open.

    Args:
        path: The journal's file, which is created with its directory if there is none.
        clock: Returns the time that events are dated with; by default the current one in UTC.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] | None = None) -> None:
        """Open the journal, move a torn last line to `journal.torn`, and fold the other events.

        Raises:
            EngineBusyError: Another process has the journal open for appending.
            JournalError: The journal is damaged or cannot be written.
        """
        self.path = path
        self._clock = clock or (lambda: datetime.now(UTC))
        try:
            self._file = JournalFile(path)
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            self.session: Session = fold_journal(path)
        except BaseException:
            self._file.close()
            raise
        self.secrets: Sequence[str] = ()
        """Values that are redacted in the texts of the events appended from now on."""
        self._listeners: list[Callable[[AnyEvent], None]] = []
        self._restored = ""
        """What happened to the file, until an alarm about it is recorded."""

    @property
    def recovered_bytes(self) -> int:
        """The size of the incomplete last line that was moved to `journal.torn`; 0: none was."""
        return self._file.recovered_bytes

    def listen(self, listener: Callable[[AnyEvent], None]) -> None:
        """Call `listener` with each event appended from now on, once it is synced and folded."""
        self._listeners.append(listener)

    def append(self, event: E_) -> E_:
        """Number, date, write and sync an event, fold it into `session`, and call the listeners.

        Returns:
            The event as written to the journal.

        Raises:
            JournalError: The event could not be written and was not folded.
        """
        self.check_file()
        return self._append(event)

    def check_file(self) -> None:
        """Write the file again where another program damaged or removed it, and record an alarm.

        Raises:
            JournalError: The file cannot be written.
        """
        try:
            self._restored = self._file.restore() or self._restored
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        if self._restored:
            message = f"the journal {self._restored} by another program; it was written again"
            self._append(AlarmRaised(kind=AlarmKind.JOURNAL, message=message))
            self._restored = ""

    def _append(self, event: E_) -> E_:
        stamped = replace(event, seq=self.session.seq + 1, at=self._clock())
        stamped, data = _encode(redact_event(stamped, self.secrets))
        # Folded first: an event that cannot be folded must never reach the disk.
        after = apply(self.session, stamped)  # type: ignore[arg-type]
        try:
            self._file.append(data)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self.session = after
        for listener in self._listeners:
            listener(stamped)  # type: ignore[arg-type]
        return stamped

    def close(self) -> None:
        """Close the journal's file; nothing can be appended afterwards."""
        self._file.close()


def _encode(event: E_) -> tuple[E_, bytes]:
    """Return an event as it will be read back from the journal, and its line as bytes.

    Raises:
        JournalError: The line could not be read back (a NaN becomes `null`).
    """
    try:
        line = _encoder.encode(event)
    except UnicodeEncodeError:
        # A lone surrogate, from a path or a model's answer, cannot be written as UTF-8.
        event = msgspec.convert(_whole_text(msgspec.to_builtins(event)), type(event))
        line = _encoder.encode(event)
    try:
        _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise JournalError(
            f"An event of kind {type(event).__name__} cannot be recorded.", f"{error}."
        ) from error
    return event, line + b"\n"


def _whole_text(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole_text(k): _whole_text(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_text(item) for item in value]
    return value


def _cannot_write(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"The journal {path} cannot be written.",
        f"{error.strerror or error}.",
        "Free disk space or make the workspace writable; nothing recorded is lost.",
    )
