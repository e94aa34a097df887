"""Parses a unified diff into rows with an old and a new side, and marks the words that differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from tui.present.text import clean_line

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_WORD = re.compile(r"\w+|\s+|.")
_LINE_CHARACTERS = 2000
_WORDS_COMPARED = 400
_ROWS = 5000
_SIMILAR = 0.4
"""The least similarity (`SequenceMatcher.ratio`, 0 to 1) of two lines whose words are compared."""


@dataclass(frozen=True)
class Side:
    """One line of the old or of the new file, as a row of the diff shows it."""

    number: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()
    """Start and end, in characters, of each word that differs from the line on the other side."""


@dataclass(frozen=True)
class DiffRow:
    """A row of a diff: a line on both sides, on one (added or removed), or a hunk's heading."""

    old: Side | None = None
    new: Side | None = None
    heading: str = ""

    @property
    def changed(self) -> bool:
        """Return whether the sides differ: a line that was added, removed or replaced."""
        return (self.old is None) != (self.new is None) or (
            self.old is not None and self.new is not None and self.old.text != self.new.text
        )


def counts(rows: Iterable[DiffRow]) -> tuple[int, int]:
    """Return the numbers of added and of removed lines among the rows of a diff."""
    changed = [row for row in rows if row.changed]
    return sum(row.new is not None for row in changed), sum(row.old is not None for row in changed)


def rows_of(patch: str) -> list[DiffRow]:
    """Return the rows of a unified diff: its hunks, each with a heading; at most about 5,000 rows.

    The file headers are left out. A longer diff ends with a heading that says so.
    """
    rows: list[DiffRow] = []
    old_number = new_number = old_left = new_left = 0
    removed: list[Side] = []
    added: list[Side] = []

    def add_changes() -> None:
        for old, new in zip_longest(removed, added):
            rows.append(_paired(old, new) if old and new else DiffRow(old, new))
        removed.clear()
        added.clear()

    for line in patch.split("\n"):
        if len(rows) >= _ROWS:
            break
        if old_left <= 0 and new_left <= 0:
            add_changes()
            match = _HUNK.match(line)
            if match is None:
                continue
            old_number, new_number = int(match[1]), int(match[3])
            old_left, new_left = int(match[2] or 1), int(match[4] or 1)
            rows.append(DiffRow(heading=clean_line(match[5]).strip() or f"line {new_number}"))
            continue
        sign, text = line[:1], _text(line[1:])
        if sign == "-":
            removed.append(Side(old_number, text))
            old_number, old_left = old_number + 1, old_left - 1
        elif sign == "+":
            added.append(Side(new_number, text))
            new_number, new_left = new_number + 1, new_left - 1
        elif sign != "\\":
            add_changes()
            rows.append(DiffRow(Side(old_number, text), Side(new_number, text)))
            old_number, new_number = old_number + 1, new_number + 1
            old_left, new_left = old_left - 1, new_left - 1
    add_changes()
    if len(rows) >= _ROWS:
        rows.append(DiffRow(heading="the rest of this diff is not shown"))
    return rows


def _text(text: str) -> str:
    text = clean_line(text[: _LINE_CHARACTERS + 1].removesuffix("\r"))
    return text if len(text) <= _LINE_CHARACTERS else text[:_LINE_CHARACTERS] + "…"


def _paired(old: Side, new: Side) -> DiffRow:
    """Return a row of a replaced line, with the differing words marked if the lines are similar."""
    first, second = _WORD.findall(old.text), _WORD.findall(new.text)
    if len(first) + len(second) > 2 * _WORDS_COMPARED:
        return DiffRow(old, new)
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    if matcher.ratio() < _SIMILAR:
        return DiffRow(old, new)
    starts = [_offsets(first), _offsets(second)]
    old_marks: list[tuple[int, int]] = []
    new_marks: list[tuple[int, int]] = []
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation == "equal":
            continue
        if a < b:
            old_marks.append((starts[0][a], starts[0][b]))
        if c < d:
            new_marks.append((starts[1][c], starts[1][d]))
    return DiffRow(
        Side(old.number, old.text, tuple(old_marks)), Side(new.number, new.text, tuple(new_marks))
    )


def _offsets(words: list[str]) -> list[int]:
    offsets = [0]
    for word in words:
        offsets.append(offsets[-1] + len(word))
    return offsets
