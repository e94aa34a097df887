"""Where a report's facts come from: a session's journal and artifacts, or a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from engine.core.session import fold
from engine.report.hours import Stillness
from engine.report.model import ReportFacts
from engine.report.of_session import facts_of_session
from engine.store.artifacts import Layout
from engine.store.journal import read_journal

_ONE_PATCH = 40_000
_ALL_PATCHES = 4_000_000
_CUT = "\n… (the whole is in patch.diff)\n"


class Source(NamedTuple):
    """What a report is made of."""

    facts: ReportFacts
    patches: Mapping[int, str]
    """By experiment the diff of its edit, as far as it is recorded."""


def of_workspace(workspace: Path, tag: str) -> Source:
    """A session's facts, and its diffs.

    Raises:
        JournalError: The journal is damaged.
    """
    layout = Layout(workspace, tag)
    facts = session_facts(layout.journal)
    return Source(facts, patches_of(layout, facts))


def report_directory(workspace: Path, tag: str) -> Path:
    """Where a session's report lies: with its own files, not in the person's checkout."""
    return Layout(workspace, tag).session / "report"


def session_facts(journal: Path, upto: int | None = None) -> ReportFacts:
    """A session's facts from its journal.

    Args:
        journal: Its file; may still be written to.
        upto: The number of the last event to be looked at; None: all.

    Raises:
        JournalError: It is damaged.
    """
    stillness = Stillness()
    events = read_journal(journal)
    if upto is not None:
        events = takewhile(lambda event: event.seq <= upto, events)
    session = fold(stillness.watch(events))
    return facts_of_session(session, stillness.stretches(session.at))


def patches_of(layout: Layout, facts: ReportFacts) -> dict[int, str]:
    """The diffs that fit into a page: those of keeps first, then the newest."""
    kept = [keep.point.number for keep in facts.keeps]
    others = [p.number for p in reversed(facts.points) if p.number not in set(kept)]
    patches: dict[int, str] = {}
    room = _ALL_PATCHES
    for number in (*kept, *others):
        if room <= 0:
            break
        try:
            with open(layout.experiment(number) / "patch.diff", "rb") as file:
                raw = file.read(_ONE_PATCH + 1)
        except OSError:
            continue
        text = raw[:_ONE_PATCH].decode("utf-8", "replace")
        if text.strip():
            patches[number] = text + (_CUT if len(raw) > _ONE_PATCH else "")
            room -= len(text)
    return patches
