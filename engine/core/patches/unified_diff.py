"""Extracts a unified diff from a model's answer, and applies it only where it fits exactly.

A hunk may lack line numbers, as in the format between `*** Begin Patch` and `*** End Patch`. Line
numbers only decide between several places at which a hunk's lines occur.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.patches.file_parts import is_joined
from engine.core.patches.search_replace import Block, BlockError, apply_blocks, line_places

_HUNK = re.compile(r"^@@(?: -(?P<start>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*|.*)$")
_OLD_NAME = re.compile(r"^--- (?:a/)?(?P<name>[^\t\n]+)")
_NEW_NAME = re.compile(r"^\+\+\+ (?:b/)?(?P<name>[^\t\n]+)")
_PATCH_NAME = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (?P<name>.+)$")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})")
_END = re.compile(r"^\*\*\* End (?:Patch|of File)")


@dataclass(frozen=True)
class Hunk:
    """Consecutive lines of a file before and after a change."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    file: str
    """The name of the file, as the diff gives it."""
    start: int | None = None
    """The number of the first line, from 1; None where the diff does not tell it."""


@dataclass(frozen=True)
class FoundDiff:
    """A unified diff in a model's answer."""

    hunks: tuple[Hunk, ...]
    outside: str
    """The text of the answer around the diff."""


def find_diff(text: str) -> FoundDiff | None:
    """Return the unified diff of an answer; None where it holds none.

    Args:
        text: The answer; fences and prose around the diff are allowed.
    """
    hunks: list[Hunk] = []
    file = ""
    outside: list[str] = []
    lines = text.replace("\r\n", "\n").split("\n")
    position = 0
    while position < len(lines):
        line = lines[position]
        following = lines[position + 1] if position + 1 < len(lines) else ""
        if _OLD_NAME.match(line) and (new := _NEW_NAME.match(following)):
            file = new["name"].strip()
            position += 2
        elif (named := _PATCH_NAME.match(line)) is not None:
            file = named["name"].strip()
            position += 1
        elif file and (head := _HUNK.match(line)) is not None:
            start = int(head["start"]) if head["start"] else None
            hunk, position = _read_hunk(lines, position + 1, file, start)
            if hunk is not None:
                hunks.append(hunk)
        else:
            outside.append(line)
            position += 1
    return FoundDiff(tuple(hunks), "\n".join(outside)) if hunks else None


def _read_hunk(
    lines: list[str], position: int, file: str, start: int | None
) -> tuple[Hunk | None, int]:
    """Return the hunk whose lines begin at a position, and the position after it."""
    old: list[str] = []
    new: list[str] = []
    while position < len(lines):
        line = lines[position]
        following = lines[position + 1] if position + 1 < len(lines) else ""
        if _OLD_NAME.match(line) and _NEW_NAME.match(following):
            break
        if line[:1] not in ("", " ", "+", "-", "\t") and not line.startswith("\\ No newline"):
            break
        position += 1
        if line.startswith("\\"):
            continue
        # Some models strip the space of an empty line of context.
        mark, content = (line[0], line[1:]) if line[:1] in ("+", "-", " ") else (" ", line)
        if mark != "+":
            old.append(content)
        if mark != "-":
            new.append(content)
    while old and new and not old[-1] and not new[-1]:
        old.pop()  # the blank lines between the diff and the text after it
        new.pop()
    return (Hunk(tuple(old), tuple(new), file, start) if old != new else None), position


def apply_hunks(source: str, hunks: Sequence[Hunk], files: Sequence[str]) -> str:
    """Return a text with all hunks applied; each is matched against the original text.

    A hunk fits where its lines before the change occur exactly once, or at its line number; else by
    the rules of SEARCH/REPLACE blocks.

    Args:
        source: The text of the editable file, or of several.
        hunks: The hunks.
        files: The names of the editable files.

    Raises:
        BlockError: A hunk changes another file, does not fit, fits more than once, or overlaps
            another.
    """
    blocks = []
    for number, hunk in enumerate(hunks, start=1):
        names = [name for name in files if f"/{name}".endswith(f"/{hunk.file.lstrip('./')}")]
        if len(names) != 1:
            raise BlockError(number, f"It changes {hunk.file}, which may not be edited.")
        if not any(line.strip() for line in hunk.old):
            raise BlockError(number, "The diff has no line of the file around the change.")
        old, new = (hunk.old, hunk.new) if is_joined(source) else _widened(source, hunk)
        search, replace = ("".join(f"{line}\n" for line in part) for part in (old, new))
        blocks.append(Block(search, replace, names[0]))
    return apply_blocks(source, blocks)


def _widened(source: str, hunk: Hunk) -> tuple[Sequence[str], Sequence[str]]:
    """Return a hunk's lines, with more around them where only its line number tells its place."""
    lines = source.replace("\r\n", "\n").removesuffix("\n").split("\n")
    old, new = list(hunk.old), list(hunk.new)
    places = line_places(lines, old)
    if len(places) < 2 or hunk.start is None or hunk.start - 1 not in places:
        return old, new
    first, last = hunk.start - 1, hunk.start - 1 + len(old)
    while len(line_places(lines, lines[first:last])) > 1:
        if first > 0:
            first -= 1
            new.insert(0, lines[first])
        if last < len(lines):
            new.append(lines[last])
            last += 1
    return lines[first:last], new
