"""Where a report's facts come from: a session's journal and artifacts, or a table."""

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
from engine.report.hours import Stillness
from engine.report.model import ReportFacts
from engine.report.session_facts import facts_of_session
from engine.store.journal import read_journal
from engine.store.tolerant_reader import JournalTail


class ReportSource(NamedTuple):
    """What a report is made of."""

    facts: ReportFacts
    patches: Mapping[int, str]
    """By experiment the diff of its edit, as far as it is recorded."""


def of_workspace(workspace: Path, tag: str) -> ReportSource:
    """A session's facts, with the suggestions that are kept, and its diffs.

    Raises:
        JournalError: Nothing of the journal can be read.
    """
    layout = Layout(workspace, tag)
    facts = suggestions.with_kept(session_facts(layout.journal), layout)
    found, left = patches.of_session(layout, facts)
    if left:
        told = f"{many(left, 'diff')} left out, of the oldest that were not kept."
        facts = msgspec.structs.replace(facts, diffs=told)
    return ReportSource(facts, found)


def report_directory(workspace: Path, tag: str) -> Path:
    """Where a session's report lies: with its own files, not in the person's checkout."""
    return Layout(workspace, tag).session / "report"


def session_facts(journal: Path, upto: int | None = None) -> ReportFacts:
    """A session's facts from its journal.

    Args:
        journal: Its file; may still be written to.
        upto: The number of the last event to be looked at; None: all.

    Raises:
        JournalError: Nothing of it can be read.
    """
    try:
        return _facts(read_journal(journal), upto)
    except (JournalError, *CONTRADICTIONS):
        tail = JournalTail(journal)
        facts = _facts(iter(tail.news()), upto, tolerant=True)
        lead = "The journal is damaged; this report tells what is left of it."
        return msgspec.structs.replace(facts, reading=(lead, *tail.notes, *facts.reading))


def _facts(events: Iterator[AnyEvent], upto: int | None, *, tolerant: bool = False) -> ReportFacts:
    stillness = Stillness()
    if upto is not None:
        events = takewhile(lambda event: event.seq <= upto, events)
    session = fold(stillness.watch(events), tolerant=tolerant)
    return facts_of_session(session, stillness.stretches(session.at))
