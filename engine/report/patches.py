"""The diffs that fit into a page: those of keeps first, then the newest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.core.layout import Layout
from engine.report.model import ReportFacts

_ONE_PATCH = 40_000
_ALL_PATCHES = 4_000_000
_MOST = 2000
SECONDS = 10.0
"""No longer is git asked for diffs, whatever is still missing."""


class Patches(NamedTuple):
    """What was found."""

    by_number: dict[int, str]
    left_out: int
    """So many were not looked for: the page, or the patience, has an end."""


def choose(
    facts: ReportFacts, read: Callable[[int], str | None], seconds: float = SECONDS
) -> Patches:
    """Read diffs until there is no more room or time.

    Args:
        facts: Of the session or table.
        read: The diff of an experiment, or None where it has none.
        seconds: How long that may take.
    """
    found: dict[int, str] = {}
    room, until = _ALL_PATCHES, time.monotonic() + seconds
    numbers = list(_order(facts))
    for place, number in enumerate(numbers):
        if room <= 0 or len(found) >= _MOST or time.monotonic() > until:
            return Patches(found, len(numbers) - place)
        text = read(number)
        if text is None or not text.strip():
            continue
        cut = "\n… (the rest is left out)\n" if len(text) > _ONE_PATCH else ""
        found[number] = text[:_ONE_PATCH] + cut
        room -= len(found[number])
    return Patches(found, 0)


def of_session(layout: Layout, facts: ReportFacts) -> Patches:
    """The diffs that lie with the experiments."""

    def read(number: int) -> str | None:
        try:
            with open(layout.experiment(number) / "patch.diff", "rb") as file:
                return file.read(4 * _ONE_PATCH).decode("utf-8", "replace")
        except OSError:
            return None

    return choose(facts, read)


def _order(facts: ReportFacts) -> Iterator[int]:
    kept = [keep.point.number for keep in facts.keeps]
    yield from kept
    known = set(kept)
    yield from (p.number for p in reversed(facts.points) if p.number not in known)
