"""Creates, identifies, reverses and applies patches (unified diffs) of one text file."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.errors import AutoresearchError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
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
        _lines(old), _lines(new), fromfile=f"a/{path}", tofile=f"b/{path}", n=_CONTEXT
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def patch_id(patch: str) -> str:
    """Return twelve hex digits that identify a patch: a SHA-256 hash of its hunks.

    File names and line numbers do not count, so that the result does not change when lines above
    are added or removed, as with `git patch-id`.
    """
    lines = patch.splitlines(True)[2:]
    body = "".join("@@\n" if _HUNK.match(line) else line for line in lines)
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def count_lines(patch: str) -> tuple[int, int]:
    """Return how many lines a patch adds, and how many it removes."""
    body = patch.splitlines()[2:]
    return sum(x.startswith("+") for x in body), sum(x.startswith("-") for x in body)


def apply_patch(old: str, patch: str) -> str:
    """Return a text with a unified diff applied, if all context and removed lines match exactly.

    Raises:
        PatchError: A line does not match, or the patch is malformed.
    """
    source = _lines(old)
    result: list[str] = []
    position = 0
    lines = _lines(patch)[2:]
    index = 0
    while index < len(lines):
        match = _HUNK.match(lines[index])
        if match is None:
            raise PatchError(f"The patch has a line outside of a hunk: {lines[index]!r}.")
        index += 1
        start = int(match[1]) - (0 if match[2] == "0" else 1)
        if start < position:
            raise PatchError("The patch's hunks overlap.")
        result += source[position:start]
        position = start
        while index < len(lines) and not lines[index].startswith("@@"):
            line = lines[index]
            text = line[1:]
            if index + 1 < len(lines) and lines[index + 1] == _NO_NEWLINE:
                text = text.removesuffix("\n")
                index += 1
            index += 1
            if line[0] == "+":
                result.append(text)
                continue
            if position >= len(source) or source[position] != text:
                raise PatchError(
                    f"The patch does not fit at line {position + 1}.",
                    "The file differs from the one the patch was made for.",
                )
            position += 1
            if line[0] == " ":
                result.append(text)
    return "".join(result + source[position:])


def refit_patch(new: str, patch: str) -> str | None:
    """Apply a unified diff to a text other than the one it was made for, if it fits exactly.

    The lines each change removes must occur exactly once, together with as much context as makes
    them unique. Neighbouring lines may have changed, as in a list of settings; the removed
    lines may not.

    Args:
        new: The text; lines may have moved since the patch was created.
        patch: The patch, from `make_patch`.

    Returns:
        The edited text; None if a change does not fit, or the changes are in another order.
    """
    source, result, position = _lines(new), list[str](), 0
    for change in _changes(patch):
        place = change.find_in(source)
        if place is None or place < position:
            return None
        result += source[position:place] + change.added
        position = place + len(change.removed)
    return "".join(result + source[position:])


def same_change(one: str, other: str) -> bool:
    """Return whether two patches remove and add the same lines of code, at any place.

    White space and comments do not count. False if the first patch is empty.
    """
    return bool(one) and _changed_code(one) == _changed_code(other)


def _changed_code(patch: str) -> list[tuple[str, str]]:
    changed = []
    for line in patch.splitlines()[2:]:
        code = "".join(line[1:].split("#", 1)[0].split())
        if line[:1] in "+-" and code:
            changed.append((line[0], code))
    return changed


def reverse_patch(patch: str) -> str:
    """Return the unified diff that reverts another one."""
    opposite = {"+": "-", "-": "+"}
    lines = patch.splitlines(True)
    result = lines[:2]
    for line in lines[2:]:
        match = _HUNK.match(line)
        if match is not None:
            old, new = _range(match[1], match[2]), _range(match[3], match[4])
            result.append(f"@@ -{new} +{old} @@\n")
        else:
            result.append(opposite.get(line[0], line[0]) + line[1:])
    return "".join(result)


def _range(start: str, count: str | None) -> str:
    return start if count is None else f"{start},{count}"


@dataclass
class _Change:
    """Neighbouring lines that a patch replaces, with the context around them."""

    before: list[str]
    removed: list[str]
    added: list[str]
    after: list[str]

    def find_in(self, source: list[str]) -> int | None:
        """Return the index in `source` of the first removed line; None if ambiguous or missing.

        For a change that only adds, it is the index where the lines are inserted.
        """
        for width in range(_CONTEXT + 1):
            lead = self.before[len(self.before) - width :] if width else []
            wanted = lead + self.removed + self.after[:width]
            if not wanted:
                continue
            last = len(source) - len(wanted)
            places = [i for i in range(last + 1) if source[i : i + len(wanted)] == wanted]
            if len(places) == 1:
                return places[0] + len(lead)
            if not places:
                return None
        return None


def _changes(patch: str) -> Iterator[_Change]:
    lines = _lines(patch)[2:]
    context: list[str] = []
    change: _Change | None = None
    for index, line in enumerate(lines):
        if line == _NO_NEWLINE:
            continue
        text = line[1:]
        if index + 1 < len(lines) and lines[index + 1] == _NO_NEWLINE:
            text = text.removesuffix("\n")
        if line.startswith("@@"):
            if change is not None:
                yield change
            context, change = [], None
        elif line[0] == " ":
            context.append(text)
            if change is not None:
                change.after.append(text)
        else:
            if change is None or change.after:
                if change is not None:
                    yield change
                change = _Change(context[-_CONTEXT:], [], [], [])
                context = []
            (change.added if line[0] == "+" else change.removed).append(text)
    if change is not None:
        yield change


def _lines(text: str) -> list[str]:
    # Not splitlines(): a form feed or U+2028 inside a line must not split it.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
