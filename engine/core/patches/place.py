"""Names the places of a change in a file: enclosing definitions, and ordinal among equal lines."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.core.patches.patch import split_lines

CONTEXT_LINES = 3
"""The number of lines on each side of a change that belong to its identity."""
_ID_DIGITS = 32
_START, _END = "start\n\n", "end\n\n"
_DEFINITION = re.compile(r"(?:async\s+)?(def|class)\s+(\w+)")
_CONTINUED = re.compile(r"[)\]}]|(?:else|elif|except|finally)\b")


class Change(NamedTuple):
    """Neighbouring lines of a text that are replaced by others."""

    start: int
    """The index of the first removed line; of an insertion, that of the line after it."""
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def end(self) -> int:
        """Return the index of the line after the removed ones."""
        return self.start + len(self.removed)

    @property
    def anchor(self) -> range:
        """Return the indexes of the lines that mark the place: the removed ones.

        Of an insertion, the two lines beside it.
        """
        if self.removed:
            return range(self.start, self.end)
        return range(self.start - 1, self.start + 1)


def marked_lines(text: str) -> list[str]:
    """Return the lines of a text between two marks, for the start and the end of the file.

    The marks differ from each other and from every line, so a change at the start or the end of a
    file has lines on both sides, too.
    """
    return [_START, *split_lines(text), _END]


def changes_between(before: Sequence[str], after: Sequence[str]) -> list[Change]:
    """Return the changes that lead from one list of marked lines to another."""
    # The lines that both begin and end with are left out, as the comparison may take long.
    head = _equal_lines(before, after)
    tail = _equal_lines(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        Change(head + start, tuple(old[start:end]), tuple(new[new_start:new_end]))
        for tag, start, end, new_start, new_end in codes
        if tag != "equal"
    ]


def _equal_lines(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines are equal from the first on."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def places_of(block: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Return the indexes where consecutive lines occur in a list of lines."""
    size, wanted = len(block), list(block)
    return [i for i, line in enumerate(lines) if line == block[0] and lines[i : i + size] == wanted]


def enclosing(lines: Sequence[str], index: int) -> tuple[str, ...]:
    """Return the statements that enclose a line, the innermost first, as their indentation shows.

    A function or class is given by its name alone, any other statement by its first line. The text
    need not be valid Python.

    Args:
        lines: The lines of the file.
        index: The index of the line; for a blank one, the next line with text counts.
    """
    index = next((i for i in range(index, len(lines)) if lines[i].strip()), index)
    found = list[str]()
    depth = _depth_above(lines[index])
    for line in reversed(lines[:index]):
        if depth == 0:
            break
        code = line.strip()
        if not code or code.startswith("#") or _indentation(line) >= depth:
            continue
        depth = _depth_above(line)
        if code[0] not in ")]}":
            definition = _DEFINITION.match(code)
            found.append(f"{definition[1]} {definition[2]}" if definition else code)
    return tuple(found)


def _indentation(line: str) -> int:
    line = line.expandtabs()
    return len(line) - len(line.lstrip(" "))


def _depth_above(line: str) -> int:
    """Return the indentation that the statement around a line has less than."""
    # A line such as `):` or `else:` goes on with a statement that begins at the same indentation.
    return _indentation(line) + bool(_CONTINUED.match(line.strip()))


def patch_id(before: str, after: str) -> str:
    """Return 32 hex digits (128 bits) that identify an edit of a text: its lines and its place.

    Line numbers and the file's name do not count. What counts for each change: the lines removed
    and added, three lines of context on each side, the enclosing definitions, and how many equal
    places there are before it in the file. So the same edit of two functions differs.

    Args:
        before: The text before the edit.
        after: The text after the edit.
    """
    old = marked_lines(before)
    parts = []
    for change in changes_between(old, marked_lines(after)):
        anchor = change.anchor
        places = places_of([old[i] for i in anchor], old)
        parts.append(
            [
                enclosing(old, anchor.start),
                places.index(anchor.start),
                old[max(0, change.start - CONTEXT_LINES) : change.start],
                change.removed,
                change.added,
                old[change.end : change.end + CONTEXT_LINES],
            ]
        )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_ID_DIGITS]
