"""Patches of one text file: made, named and applied exactly or not at all."""

from __future__ import annotations

import difflib
import hashlib
import re

from engine.core.errors import AutoresearchError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE = "\\ No newline at end of file\n"


class PatchError(AutoresearchError):
    """A patch does not fit the text it was meant for."""


def make_patch(path: str, old: str, new: str) -> str:
    """A unified diff with three lines of context; empty when nothing differs."""
    lines = difflib.unified_diff(
        _lines(old), _lines(new), fromfile=f"a/{path}", tofile=f"b/{path}", n=3
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def patch_id(patch: str) -> str:
    """Twelve hex digits that name a patch: SHA-256 of its hunks, without the file names."""
    body = "".join(line for line in patch.splitlines(True) if not line.startswith(("--- ", "+++ ")))
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def count_lines(patch: str) -> tuple[int, int]:
    """How many lines a patch adds and removes."""
    body = patch.splitlines()[2:]
    return sum(x.startswith("+") for x in body), sum(x.startswith("-") for x in body)


def apply_patch(old: str, patch: str) -> str:
    """Apply a unified diff where every line of context fits exactly.

    Raises:
        PatchError: A hunk does not fit; nothing is applied.
    """
    source = _lines(old)
    result: list[str] = []
    position = 0
    lines = _lines(patch)[2:]
    index = 0
    while index < len(lines):
        match = _HUNK.match(lines[index])
        if match is None:
            raise PatchError(f"The patch has a line that is no hunk: {lines[index]!r}.")
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


def _lines(text: str) -> list[str]:
    # Not splitlines(): a form feed or U+2028 inside a line must not split it.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
