"""Reads the events of a journal that may be damaged, and follows it as it grows.

The engine refuses a damaged journal, because it would act on it. For reading, unreadable lines are
skipped and noted, and an experiment whose first lines are lost is shown with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.core import events as ev
from engine.core.enums import NOT_RECORDED
from engine.core.errors import JournalError, WorkspaceError
from engine.untrusted_files import open_regular

if TYPE_CHECKING:
    from engine.core.table import BadRow

MOST_BYTES = 512 * 2**20
_TOLD = 5
_MOST_LEFT_OUT = 1000
_TEXT_KEPT = 2000
_AHEAD = (ev.CostIncurred, ev.ProgramEdited)
"""Types of events that may name an experiment before its proposal is in the journal."""
_WHO = ev.Proposal(patch_id="", hypothesis=f"{NOT_RECORDED}: its lines are lost", category="")

_decoder = msgspec.json.Decoder(ev.AnyEvent)


class JournalTail:
    """Reads a possibly damaged journal from its beginning, then the events appended to it.

    Args:
        path: The journal's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        """Messages to the user on what is wrong with the journal; at most six."""
        self.left_out: list[BadRow] = []
        """The first 1,000 lines that were left out, with the reason of each."""
        self._place = 0
        self._lines = 0
        self._expected = 1
        self._drafted = 0
        self._flaws = 0
        self._over = False
        self.unfinished = False
        """True if the last line is cut off, or still being written."""

    def read_new(self) -> list[ev.AnyEvent]:
        """Return the legible events appended since the last call; at first all of them.

        Damaged lines add to `notes` and `left_out`. For an experiment whose proposal is lost, an
        empty proposal is put in.

        Raises:
            WorkspaceError: The file cannot be read.
            JournalError: The file holds no event.
        """
        try:
            with open(open_regular(self.path), "rb") as file:
                size = file.seek(0, 2)
                if size < self._place:
                    self._flaw("It was cut short while it was read.")
                    self._over = True
                if self._over or 0 < size == self._place:
                    return []
                file.seek(self._place)
                data = file.read(MOST_BYTES)
        except OSError as error:
            raise WorkspaceError(
                f"{self.path} cannot be read.", f"{error.strerror or error}."
            ) from None
        end = data.rfind(b"\n") + 1
        self.unfinished = end < len(data)
        if size - self._place > MOST_BYTES:
            self._flaw(f"Only its first {MOST_BYTES // 2**20} MiB are shown.")
            self._over = True
        first = self._place == 0
        self._place += end
        events = self._decode_all(data[:end]) if first else None
        if events is None:
            events = list(self._line_by_line(data[:end]))
        if first and not events:
            raise JournalError(
                f"No line of {self.path} is an event.",
                "It is not a journal, or all its lines are lost.",
                "Name a journal.jsonl below .autoresearch, or the results.tsv of the session.",
            )
        return events

    def _decode_all(self, data: bytes) -> list[ev.AnyEvent] | None:
        """Decode all lines at once, which is fast; None if any is damaged, missing or repeated."""
        try:
            events: list[ev.AnyEvent] = _decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        drafted = 0
        for expected, event in enumerate(events, start=1):
            if event.seq != expected:
                return None
            if type(event) is ev.ProposalDrafted:
                drafted += 1
                if event.experiment != drafted:
                    return None
        if not events or not isinstance(events[0], ev.SessionStarted):
            return None
        self._drafted, self._expected, self._lines = drafted, len(events) + 1, data.count(b"\n")
        return events

    def _line_by_line(self, data: bytes) -> Iterator[ev.AnyEvent]:
        for line in data.removesuffix(b"\n").split(b"\n"):
            self._lines += 1
            if self._over or not line.strip():
                continue
            try:
                event: ev.AnyEvent = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self._flaw(f"Line {self._lines:,} cannot be read and is left out.")
                self._leave_out(line, f"not an event: {error}")
                continue
            if self._expected == 1 and not isinstance(event, ev.SessionStarted):
                self._flaw("The beginning is lost.")
            elif event.seq < self._expected:
                self._reject_repeat(event)
                self._leave_out(line, "it repeats an event")
                continue
            elif event.seq > self._expected and not self._flaws:
                self._flaw(f"Lines are missing before line {self._lines:,}.")
            self._expected = event.seq + 1
            before = self._flaws
            yield from self._with_missing_proposals(event)
            if self._flaws > before:
                self._leave_out(line, "its experiment cannot be")

    def _reject_repeat(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.SessionStarted):
            self._flaw(
                f"Another session begins at line {self._lines:,}; only the first one is shown."
            )
            self._over = True
        else:
            self._flaw(f"Line {self._lines:,} repeats an earlier one and is left out.")

    def _with_missing_proposals(self, event: ev.AnyEvent) -> Iterator[ev.AnyEvent]:
        number = getattr(event, "experiment", None)
        if not isinstance(number, int) or isinstance(event, _AHEAD):
            yield event
            return
        if isinstance(event, ev.ProposalDrafted):
            if number <= self._drafted:
                self._flaw(f"Line {self._lines:,} repeats experiment {number} and is left out.")
                return
            number -= 1
        if number - self._drafted > 100_000:
            self._flaw(f"Line {self._lines:,} cannot be and is left out.")
            return
        while self._drafted < number:
            self._drafted += 1
            yield ev.ProposalDrafted(
                seq=event.seq,
                at=event.at,
                experiment=self._drafted,
                base="",
                proposal=_WHO,
                patch="",
                reasoning=NOT_RECORDED,
            )
        if isinstance(event, ev.ProposalDrafted):
            self._drafted += 1
        yield event

    def _leave_out(self, line: bytes, reason: str) -> None:
        if len(self.left_out) < _MOST_LEFT_OUT:
            text = line[:_TEXT_KEPT].decode("utf-8", "replace")
            from engine.core.table import BadRow

            self.left_out.append(BadRow(line=self._lines, text=text, reason=reason))

    def _flaw(self, message: str) -> None:
        self._flaws += 1
        if self._flaws <= _TOLD:
            self.notes.append(message)
        elif self._flaws == _TOLD + 1:
            self.notes.append("More of it is damaged.")
