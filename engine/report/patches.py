"""Selects the diffs for a report's page: those of keeps first, then the newest, up to limits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.core.layout import Layout
from engine.report.model import ReportFacts
from engine.untrusted_files import open_regular

_ONE_PATCH = 40_000
_ALL_PATCHES = 4_000_000
_MOST = 2000
SECONDS = 10.0
"""Seconds after which no further diff of a report is read."""


class SelectedPatches(NamedTuple):
    """The diffs selected for a report's page, by experiment number."""

    by_number: dict[int, str]
    left_out: int
    """Number of experiments whose diffs were not read because of a limit."""


def select_patches(
    facts: ReportFacts, read: Callable[[int], str | None], seconds: float = SECONDS
) -> SelectedPatches:
    """Read the diffs of a report's experiments until a limit of size, number or time.

    Args:
        facts: The facts of the session or table.
        read: Returns the diff of an experiment by its number, or None if it has none.
        seconds: The time limit.
    """
    found: dict[int, str] = {}
    remaining, until = _ALL_PATCHES, time.monotonic() + seconds
    numbers = list(_order(facts))
    for index, number in enumerate(numbers):
        if remaining <= 0 or len(found) >= _MOST or time.monotonic() > until:
            return SelectedPatches(found, len(numbers) - index)
        text = read(number)
        if text is None or not text.strip():
            continue
        cut = "\n… (the rest is omitted)\n" if len(text) > _ONE_PATCH else ""
        found[number] = text[:_ONE_PATCH] + cut
        remaining -= len(found[number])
    return SelectedPatches(found, 0)


def session_patches(layout: Layout, facts: ReportFacts) -> SelectedPatches:
    """Return the diffs saved in the directories of a session's experiments, up to the limits."""

    def read(number: int) -> str | None:
        try:
            descriptor = open_regular(layout.experiment(number) / "patch.diff")
            with os.fdopen(descriptor, "rb") as file:
                return file.read(4 * _ONE_PATCH).decode("utf-8", "replace")
        except OSError:
            return None

    return select_patches(facts, read)


def _order(facts: ReportFacts) -> Iterator[int]:
    kept = [keep.point.number for keep in facts.keeps]
    yield from kept
    known = set(kept)
    yield from (p.number for p in reversed(facts.points) if p.number not in known)
