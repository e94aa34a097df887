"""Creates, applies and compares patches (unified diffs) of one text file."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from engine.core.errors import AutoresearchError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"


class PatchError(AutoresearchError):
    """Raised when a patch does not fit the text it is applied to."""


def make_patch(path: str, old: str, new: str) -> str:
    """Return a unified diff with three lines of context; empty if the texts are equal.

    Args:
        path: The file's name in the diff's header.
        old: The text before.
        new: The text after.
    """
    lines = difflib.unified_diff(
        split_lines(old), split_lines(new), fromfile=f"a/{path}", tofile=f"b/{path}", n=_CONTEXT
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def count_lines(patch: str) -> tuple[int, int]:
    """Return how many lines a patch adds, and how many it removes."""
    body = split_lines(patch)[2:]
    return sum(x.startswith("+") for x in body), sum(x.startswith("-") for x in body)


def apply_patch(old: str, patch: str) -> str:
    """Return a text with a unified diff applied, if all context and removed lines match exactly.

    Raises:
        PatchError: A line does not match, or the patch is malformed.
    """
    return _apply(split_lines(old), _hunks(patch))


def apply_moved_patch(old: str, patch: str) -> str:
    """Return a text with a unified diff applied whose line numbers may be wrong.

    Raises:
        PatchError: The lines of a hunk do not occur exactly once in the text, the hunks are in
            another order, or the patch is malformed.
    """
    source = split_lines(old)
    return _apply(
        source, [hunk._replace(start=_only_place(hunk, source)) for hunk in _hunks(patch)]
    )


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


def _hunks(patch: str) -> list[_Hunk]:
    hunks: list[_Hunk] = []
    lines = split_lines(patch)[2:]
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
        if lines[index + 1 : index + 2] == [_NO_NEWLINE]:
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


def _changed_code(patch: str) -> list[tuple[str, str]]:
    changed = []
    for line in split_lines(patch)[2:]:
        code = "".join(line[1:].split("#", 1)[0].split())
        if line[:1] in "+-" and code:
            changed.append((line[0], code))
    return changed


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their line ends; only a line feed ends a line."""
    # Not splitlines(): a form feed or U+2028 inside a line must not split it.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
