"""Recognises a session of pi-autoresearch by its files, such as autoresearch.sh."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from engine.core.enums import Direction
from engine.core.table.json_records import direction_word
from engine.untrusted_files import read_text

SCRIPT = "autoresearch.sh"
_CHECKS = "autoresearch.checks.sh"
_NOTES = "autoresearch.md"
_SETTINGS = ("autoresearch.config.json", "autoresearch.jsonl")
_MOST_BYTES = 4 * 2**20
_PRIMARY = re.compile(
    r"\*{0,2}Primary(?:\s+metric)?\*{0,2}\s*(?:\([^()\n]*\))?\s*:\*{0,2}\s*(?:[-*+]\s+)?"
    r"[`*]*([\w./%-]+)",
    re.IGNORECASE,
)
_PRINTED = re.compile(r"METRIC[ \t]+([\w./-]+)=")
_SECTION = re.compile(r"^#{1,6}[ \t]*(.+?)[ \t]*$", re.M)
_LISTED = re.compile(r"^\s*(?:[-*+]|\|)[ \t]*\**`?([\w./-]+)`?")
_SESSION_FILES = re.compile(r"autoresearch\.\w|program\.md\Z|README")


class PiLayout(NamedTuple):
    """What the files of a pi-autoresearch session say about it."""

    files: tuple[str, ...]
    """The files in scope; empty where none is named."""
    locked: tuple[str, ...]
    command: str
    metric: str
    """The primary metric; empty where it is not known."""
    direction: Direction | None


def find_pi_layout(workspace: Path) -> PiLayout | None:
    """Read the files of a pi-autoresearch session; None where there is no autoresearch.sh."""
    if not (workspace / SCRIPT).is_file():
        return None
    notes = read_text(workspace / _NOTES, _MOST_BYTES)
    off_limits = _listed(workspace, notes, "off limits")
    files = tuple(n for n in _listed(workspace, notes, "files in scope") if n not in off_limits)
    checks = (_CHECKS,) if (workspace / _CHECKS).is_file() else ()
    metric, direction = _metric(workspace, notes)
    return PiLayout(
        files=files,
        locked=(SCRIPT, *checks, *off_limits),
        command=" && ".join(f"bash {name}" for name in (SCRIPT, *checks)),
        metric=metric,
        direction=direction,
    )


def _metric(workspace: Path, notes: str) -> tuple[str, Direction | None]:
    """Return the primary metric and its direction, as far as they are known."""
    metric, direction = "", None
    for name in _SETTINGS:
        text = read_text(workspace / name, _MOST_BYTES)
        # The first line of the log is its settings.
        values = _object(text.split("\n", 1)[0] if name.endswith("l") else text)
        metric = metric or str(values.get("metricName") or "")
        word = str(values.get("bestDirection") or values.get("direction") or "")
        direction = direction or direction_word(word)
    primary = _PRIMARY.search(notes)
    if primary is not None:
        if primary[1] != metric:
            direction = None  # it is that of another metric
        return primary[1], direction
    printed = dict.fromkeys(_PRINTED.findall(read_text(workspace / SCRIPT, _MOST_BYTES)))
    return metric or (next(iter(printed)) if len(printed) == 1 else ""), direction


def _object(text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _listed(workspace: Path, notes: str, title: str) -> tuple[str, ...]:
    """Return the workspace's files that a section of the notes lists, but for the session's own."""
    sections = _SECTION.split(notes)
    for heading, body in zip(sections[1::2], sections[2::2], strict=True):
        if heading.strip().lower().startswith(title):
            names = (match[1] for line in body.split("\n") if (match := _LISTED.match(line)))
            inside = (n for n in names if not n.startswith("/") and ".." not in n.split("/"))
            return tuple(
                dict.fromkeys(
                    name.removeprefix("./")
                    for name in inside
                    if (workspace / name).is_file() and not _SESSION_FILES.match(name)
                )
            )
    return ()
