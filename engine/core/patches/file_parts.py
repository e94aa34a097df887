"""Joins the texts of several editable files into one text, and splits it again.

An edit of several files is handled as an edit of one text: the files one after the other, each
below a heading line such as `======== file: model.py ========`. The text of a session with one
editable file is that file's alone, without a heading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_MARK = "=" * 8
_BARE = " (no newline at the end)"
_HEADING = re.compile(
    rf"^{_MARK} file: ([^\r\n]+?)({re.escape(_BARE)})? {_MARK}\r?\n", re.MULTILINE
)


class FilePart(NamedTuple):
    """One file in a text that may hold several."""

    name: str
    text: str
    start: int
    """Index of the file's first character in the whole text."""


def join_files(files: Mapping[str, str]) -> str:
    """Return the texts of files as one text, with a heading above each; of one file, its text.

    Args:
        files: The texts by name, in the order of the config.
    """
    if len(files) == 1:
        return next(iter(files.values()))
    return "".join(_with_heading(name, text) for name, text in files.items())


def _with_heading(name: str, text: str) -> str:
    ends = not text or text.endswith("\n")
    line_end = "\r\n" if "\r\n" in text else "\n"
    heading = heading_of(f"{name}{'' if ends else _BARE}")
    return heading + line_end + text + ("" if ends else line_end)


def heading_of(name: str) -> str:
    """Return the heading above a file's text, without its line end."""
    return f"{_MARK} file: {name} {_MARK}"


def is_joined(text: str) -> bool:
    """Return whether a text holds several files: whether it begins with a heading."""
    return _HEADING.match(text) is not None


def split_files(text: str, file: str) -> tuple[FilePart, ...]:
    """Return the files that a text holds, in their order; of a text without headings, one.

    Args:
        text: The text of one file, or of several with headings.
        file: The name of the file that a text without headings is.
    """
    if not is_joined(text):
        return (FilePart(file, text, 0),)
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    parts = []
    for heading, end in zip(headings, ends, strict=True):
        content = text[heading.end() : end]
        if heading[2] and content.endswith("\n"):
            content = content[:-1].removesuffix("\r") if "\r\n" in content else content[:-1]
        parts.append(FilePart(heading[1], content, heading.end()))
    return tuple(parts)


def texts_of(text: str, file: str) -> dict[str, str]:
    """Return the texts of the files that a text holds, by name."""
    return {part.name: part.text for part in split_files(text, file)}


def heading_in(text: str) -> str:
    """Return the first line of a file's text that would be taken for a heading; "" for none."""
    match = _HEADING.search(text)
    return match[0].strip() if match is not None else ""
