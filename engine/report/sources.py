"""Reads a session's journal and files from disk, and returns its report's facts and diffs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core.errors import JournalError
from engine.core.events import AnyEvent
from engine.core.layout import Layout
from engine.core.reducer import CONTRADICTIONS, fold
from engine.report import patches, suggestions
from engine.report.figures import many
from engine.report.hours import IdleTracker
from engine.report.model import ReportFacts
from engine.report.session_facts import facts_of_session
from engine.store.journal import read_journal
from engine.store.tolerant_reader import JournalTail


class ReportSource(NamedTuple):
    """The facts of a report, and the diffs that its page shows."""

    facts: ReportFacts
    patches: Mapping[int, str]
    """The recorded diffs, by experiment number."""


def load_session(workspace: Path, tag: str) -> ReportSource:
    """Read the facts of a session's report, with saved suggestions, and its diffs.

    Raises:
        JournalError: No part of the journal can be read.
    """
    layout = Layout(workspace, tag)
    facts = suggestions.with_saved(session_facts(layout.journal), layout)
    found, left = patches.session_patches(layout, facts)
    if left:
        note = f"{many(left, 'diff')} omitted: the oldest that were not kept."
        facts = msgspec.structs.replace(facts, diffs=note)
    return ReportSource(facts, found)


def report_directory(workspace: Path, tag: str) -> Path:
    """Return the directory that a session's report is written to; it may not exist."""
    return Layout(workspace, tag).session / "report"


def session_facts(journal: Path, upto: int | None = None) -> ReportFacts:
    """Read the facts of a session's report from its journal, even if part of it is damaged.

    Args:
        journal: The journal's path; an engine may still append to it.
        upto: Sequence number of the last event to read; None: all.

    Raises:
        JournalError: No part of the journal can be read.
    """
    try:
        return _facts(read_journal(journal), upto)
    except (JournalError, *CONTRADICTIONS):
        tail = JournalTail(journal)
        facts = _facts(iter(tail.read_new()), upto, tolerant=True)
        lead = "The journal is damaged; this report covers the readable part."
        return msgspec.structs.replace(facts, reading=(lead, *tail.notes, *facts.reading))


def _facts(events: Iterator[AnyEvent], upto: int | None, *, tolerant: bool = False) -> ReportFacts:
    tracker = IdleTracker()
    if upto is not None:
        events = takewhile(lambda event: event.seq <= upto, events)
    session = fold(tracker.watch(events), tolerant=tolerant)
    return facts_of_session(session, tracker.spans(session.at))
