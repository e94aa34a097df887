"""Parses a unified diff into rows with an old and a new side, and marks the words that differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from engine.core.config import ResearchConfig
from engine.core.patches.patch import file_patches
from tui.present.text import clean_line

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_BOTH_NAMES = re.compile(r"diff --git a/(.+) b/\1$")
_ONE_NAME = re.compile(r'(---|\+\+\+) "?(.+?)"?\t?$')
_KIND = re.compile(r"(Binary|new|deleted)(?: file| files)? (?:mode|.* differ)")
_WORD = re.compile(r"\w+|\s+|.")
_LINE_CHARACTERS = 2000
_WORDS_COMPARED = 400
_ROWS = 5000
_MOST_NAMES = 3
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
    """A row of a diff: a line on both sides, on one (added or removed), or a heading."""

    old: Side | None = None
    new: Side | None = None
    heading: str = ""
    is_file: bool = False
    """True for the heading of a file, False for that of a hunk."""

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


def file_names(patch: str, config: ResearchConfig) -> str:
    """Return the names of the files that a patch changes; those of the config if it is empty."""
    names = [part.name for part in file_patches(patch)] or list(config.files)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return clean_line(", ".join(names[:_MOST_NAMES]) + more)


def rows_of(patch: str, title: str | None = None) -> list[DiffRow]:
    """Return the rows of a unified diff: its hunks, each with a heading; at most about 5,000 rows.

    A diff over several files has a heading for each file. A longer diff ends with a heading that
    says so.

    Args:
        patch: The diff.
        title: The title above the rows, which may name the file already; the name of a single file
            is a heading only if the title lacks it. None: a single file has no heading.
    """
    rows = _rows(patch)
    names = [row.heading for row in rows if row.is_file]
    if len(names) > 1 or (names and title is not None and not _has_name(title, names[0])):
        return rows
    return [row for row in rows if not row.is_file]


def _has_name(title: str, name: str) -> bool:
    """Return whether a title has a file's name, with or without its directories."""
    return any(name == word or name.endswith(f"/{word}") for word in title.split())


def _rows(patch: str) -> list[DiffRow]:
    rows: list[DiffRow] = []
    old_number = new_number = old_left = new_left = 0
    removed: list[Side] = []
    added: list[Side] = []
    begun = False
    """True between the first line of a file's header and its first hunk."""

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
                begun = _read_header(line, rows, begun)
                continue
            begun = False
            old_number, new_number = int(match[1]), int(match[3])
            old_left, new_left = int(match[2] or 1), int(match[4] or 1)
            heading = clean_line(match[5]).strip() or f"line {new_number}"
            rows.append(DiffRow(heading=heading))
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


def _read_header(line: str, rows: list[DiffRow], begun: bool) -> bool:
    """Add or complete the heading of a file, from a line of the diff that is outside of hunks.

    Args:
        line: The line.
        rows: The rows so far, to which the heading is added.
        begun: Whether the last of them is the heading of this file already.

    Returns:
        Whether the last row is now the heading of a file whose first hunk is still to come.
    """
    name = ""
    if (match := _BOTH_NAMES.match(line)) is not None:
        name, begun = match[1], False
    elif (match := _ONE_NAME.match(line)) is not None and match[2] != "/dev/null":
        name = match[2].removeprefix("a/" if match[1] == "---" else "b/")
    elif begun and (match := _KIND.match(line)) is not None:
        name = f"{rows.pop().heading} ({match[1].lower()})"
        begun = False
    if not name:
        return begun
    if begun:
        if not rows[-1].heading.endswith(")"):
            rows[-1] = DiffRow(heading=clean_line(name), is_file=True)
    else:
        rows.append(DiffRow(heading=clean_line(name), is_file=True))
    return True


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
