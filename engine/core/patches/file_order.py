"""Splits a unified diff into the parts of its files, and puts tables and logs last."""

from __future__ import annotations

import re
from typing import NamedTuple

RECORDS = ("*.tsv", "*.csv", "*.jsonl", "*.log")
"""Patterns of files that record experiments, which a reader of a diff wants to see last."""
_HEADER = "diff --git "
_NAME = re.compile(r"^(?:\+\+\+ b/|rename to |Binary files .* and b/)(.+?)(?: differ)?\t?$", re.M)
_OLD_NAME = re.compile(r"^(?:--- a/|Binary files a/)(.+?)(?: and /dev/null differ)?\t?$", re.M)
_BOTH = re.compile(r"diff --git a/(.+) b/\1$", re.M)
_QUOTED = re.compile(r'^\+\+\+ "b/(.+)"$', re.M)


class FilePart(NamedTuple):
    """The part of a diff that changes one file."""

    name: str
    """The file's new name, or its old one if it is removed; empty if the diff names none."""
    text: str


def split_files(patch: str) -> list[FilePart]:
    """Return the parts of a diff that git wrote, one per file, in order."""
    starts = [0] if patch.startswith(_HEADER) else []
    starts += [match.start() + 1 for match in re.finditer(f"\n{_HEADER}", patch)]
    if not starts:
        return [FilePart(_name(patch), patch)] if patch else []
    ends = [*starts[1:], len(patch)]
    parts = [FilePart(_name(patch[a:b]), patch[a:b]) for a, b in zip(starts, ends, strict=True)]
    return [FilePart("", patch[: starts[0]]), *parts] if starts[0] else parts


def records_last(patch: str) -> str:
    """Return a diff with the files that record experiments, such as results.tsv, at its end."""
    parts = split_files(patch)
    if len(parts) < 2:
        return patch
    if not parts[-1].text.endswith("\n"):
        parts[-1] = parts[-1]._replace(text=f"{parts[-1].text}\n")
    return "".join(part.text for part in sorted(parts, key=lambda part: is_record(part.name)))


def is_record(name: str) -> bool:
    """Return whether a file records experiments, judged by its name."""
    return name.endswith(tuple(pattern.removeprefix("*") for pattern in RECORDS))


def _name(part: str) -> str:
    head = part.split("\n@@ ", 1)[0]
    for pattern in (_NAME, _QUOTED, _OLD_NAME, _BOTH):
        match = pattern.search(head)
        if match is not None:
            return match[1]
    return ""
