"""Creates, applies and compares patches: unified diffs of one text file, or of several.

The text that a patch is made for or applied to may hold several files; see `file_parts`. The patch
then has a section with its own header lines for each changed file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from engine.core.errors import AutoresearchError
from engine.core.patches.file_parts import is_joined, join_files, split_files, texts_of
from engine.core.patches.language import language_of

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"


class PatchError(AutoresearchError):
    """Raised when a patch does not fit the text it is applied to."""


class FilePatch(NamedTuple):
    """The part of a patch that changes one file."""

    name: str
    """The file's name, as in the line `+++ b/train.py`."""
    lines: tuple[str, ...]
    """The lines of its hunks, without the two header lines."""

    @property
    def text(self) -> str:
        """Return the section as a patch of its own."""
        return f"--- a/{self.name}\n+++ b/{self.name}\n{''.join(self.lines)}"


def make_patch(path: str, old: str, new: str) -> str:
    """Return a unified diff with three lines of context; empty if the texts are equal.

    Args:
        path: The file's name in the diff's header, where the texts hold one file.
        old: The text before.
        new: The text after.
    """
    after = texts_of(new, path)
    if [*after] != [part.name for part in split_files(old, path)]:
        return _diff_of_file(path, old, new)
    return "".join(
        _diff_of_file(part.name, part.text, after[part.name]) for part in split_files(old, path)
    )


def _diff_of_file(path: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        split_lines(old), split_lines(new), fromfile=f"a/{path}", tofile=f"b/{path}", n=_CONTEXT
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


@lru_cache(maxsize=8)
def file_patches(patch: str) -> tuple[FilePatch, ...]:
    """Return the sections of a patch, one for each file; text before the first is left out."""
    found: list[tuple[str, list[str]]] = []
    lines = split_lines(patch)
    old_left = new_left = 0
    for index, line in enumerate(lines):
        if old_left <= 0 and new_left <= 0:
            if line.startswith("+++ ") and index and lines[index - 1].startswith("--- "):
                if found and found[-1][1][-1:] == [lines[index - 1]]:
                    found[-1][1].pop()
                name = line[4:].split("\t")[0].rstrip("\r\n")
                found.append((name[2:] if name.startswith("b/") else name, []))
                continue
            if match := _HUNK.match(line):
                old_left, new_left = int(match[2] or 1), int(match[3] or 1)
        elif line[0] in " +-\n\r":
            old_left -= line[0] != "+"
            new_left -= line[0] != "-"
        if found:
            found[-1][1].append(line)
    return tuple(FilePatch(name, tuple(body)) for name, body in found)


def changed_lines(patch: str) -> list[str]:
    """Return the lines that a patch adds and removes, each with its sign `+` or `-` before it."""
    return [line for part in file_patches(patch) for line in part.lines if line[0] in "+-"]


def count_lines(patch: str) -> tuple[int, int]:
    """Return how many lines a patch adds, and how many it removes."""
    changed = changed_lines(patch)
    added = sum(line[0] == "+" for line in changed)
    return added, len(changed) - added


def apply_patch(old: str, patch: str) -> str:
    """Return a text with a unified diff applied, if all context and removed lines match exactly.

    Raises:
        PatchError: A line does not match, the text lacks a file, or the patch is malformed.
    """
    return _apply_sections(old, patch, _apply)


def apply_moved_patch(old: str, patch: str) -> str:
    """Return a text with a unified diff applied whose line numbers may be wrong.

    Raises:
        PatchError: The lines of a hunk do not occur exactly once in the text, the hunks are in
            another order, the text lacks a file, or the patch is malformed.
    """

    def apply(source: list[str], hunks: list[_Hunk]) -> str:
        placed = [hunk._replace(start=_only_place(hunk, source)) for hunk in hunks]
        return _apply(source, placed)

    return _apply_sections(old, patch, apply)


def _apply_sections(old: str, patch: str, apply: Callable[[list[str], list[_Hunk]], str]) -> str:
    sections = file_patches(patch)
    if not is_joined(old):
        lines = [line for section in sections for line in section.lines]
        return apply(split_lines(old), _hunks(lines))
    texts = texts_of(old, "")
    for section in sections:
        if section.name not in texts:
            raise PatchError(f"The patch is of {section.name}, which is not an editable file.")
        texts[section.name] = apply(split_lines(texts[section.name]), _hunks(section.lines))
    return join_files(texts)


class _Hunk(NamedTuple):
    """A part of a patch: the index of its first line, its lines before and after the change."""

    start: int
    old: list[str]
    new: list[str]


def _apply(source: list[str], hunks: list[_Hunk]) -> str:
    result: list[str] = []
    position = 0
    for hunk in hunks:
        if hunk.start < position:
            raise PatchError("The patch's hunks overlap.")
        found = source[hunk.start : hunk.start + len(hunk.old)]
        if found != hunk.old:
            pairs = zip(found, hunk.old, strict=False)
            same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(found))
            raise PatchError(
                f"The patch does not fit at line {hunk.start + same + 1}.",
                "The file differs from the one the patch was made for.",
            )
        result += source[position : hunk.start] + hunk.new
        position = hunk.start + len(hunk.old)
    return "".join(result + source[position:])


def _only_place(hunk: _Hunk, source: list[str]) -> int:
    size = len(hunk.old)
    places = [i for i in range(len(source) - size + 1) if source[i : i + size] == hunk.old]
    if len(places) != 1 or not size:
        raise PatchError(
            f"The patch does not fit: the lines of a hunk occur {len(places)} times in the file.",
            "The file differs from the one the patch was made for.",
        )
    return places[0]


def _hunks(lines: Sequence[str]) -> list[_Hunk]:
    hunks: list[_Hunk] = []
    for index, line in enumerate(lines):
        match = _HUNK.match(line)
        if match is not None:
            hunks.append(_Hunk(int(match[1]) - (0 if match[2] == "0" else 1), [], []))
            continue
        if line == _NO_NEWLINE:
            continue
        if not hunks or line[0] not in " +-":
            raise PatchError(f"The patch has a line outside of a hunk: {line!r}.")
        text = line[1:]
        if list(lines[index + 1 : index + 2]) == [_NO_NEWLINE]:
            text = text.removesuffix("\n")
        if line[0] != "+":
            hunks[-1].old.append(text)
        if line[0] in " +":
            hunks[-1].new.append(text)
    return hunks


def same_change(one: str, other: str) -> bool:
    """Return whether two patches remove and add the same lines of code, at any place.

    White space and comments do not count. False if the first patch is empty.
    """
    return bool(one) and _changed_code(one) == _changed_code(other)


def _changed_code(patch: str) -> list[tuple[str, str, str]]:
    changed = []
    for section in file_patches(patch):
        comment = "#" if language_of(section.name).has_hash_comments else "\n"
        for line in section.lines:
            code = "".join(line[1:].split(comment, 1)[0].split())
            if line[0] in "+-" and code:
                changed.append((section.name, line[0], code))
    return changed


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their line ends; only a line feed ends a line."""
    # Not splitlines(): a form feed or U+2028 inside a line must not split it.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
