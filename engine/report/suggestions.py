"""What a language model suggested, kept beside the journal and shown until something new is
measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import msgspec

from engine.agents.base import AgentSpending
from engine.core.errors import WorkspaceError
from engine.core.layout import Layout
from engine.core.session import Session
from engine.report.figures import many
from engine.report.model import ReportFacts, Suggested
from engine.report.question import figures_of
from engine.report.suggest import ask
from engine.store.durable import write_durably

_LARGEST = 2**20


class SavedSuggestions(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    suggested: Suggested
    figures: str
    """A digest of what the model was told; other figures make its words old."""
    own_tokens: int = 0
    """What questions outside the engine used so far; the journal does not know of them."""
    own_dollars: float = 0.0


def path_of(layout: Layout) -> Path:
    """Where the suggestions of a session are kept."""
    return layout.session / "suggestions.json"


def read(layout: Layout) -> SavedSuggestions | None:
    """What is kept; None where nothing is, or nothing that can be read: it can be asked anew."""
    try:
        with open(path_of(layout), "rb") as file:
            return msgspec.json.decode(file.read(_LARGEST), type=SavedSuggestions)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def keep(layout: Layout, facts: ReportFacts, suggested: Suggested, *, own: bool) -> None:
    """Keep them for the next report.

    Args:
        layout: Of the session.
        facts: What the model was told.
        suggested: What it said.
        own: Whether its price is not in the journal.

    Raises:
        OSError: The disk is full or read-only.
    """
    before = read(layout)
    tokens, dollars = (before.own_tokens, before.own_dollars) if before else (0, 0.0)
    if own:
        tokens, dollars = tokens + suggested.tokens, dollars + (suggested.dollars or 0.0)
    kept = SavedSuggestions(
        suggested=suggested, figures=_digest(facts), own_tokens=tokens, own_dollars=dollars
    )
    write_durably(path_of(layout), msgspec.json.format(msgspec.json.encode(kept), indent=2))


def spent_by(session: Session, layout: Layout) -> AgentSpending:
    """What counts against a session's caps: its journal's costs, and those of questions since."""
    kept, spent = read(layout), session.spending
    return AgentSpending(
        tokens=spent.tokens + (kept.own_tokens if kept else 0),
        dollars=spent.dollars + (kept.own_dollars if kept else 0.0),
        unpriced=spent.unpriced,
    )


def with_kept(facts: ReportFacts, layout: Layout) -> ReportFacts:
    """The facts with the suggestions that are kept, or why those are too old to be shown."""
    kept = read(layout)
    if kept is None:
        return facts
    suggested = kept.suggested
    if kept.figures != _digest(facts):
        if not suggested.steps:
            return facts  # what went wrong then is no news now
        more = facts.counts.total - suggested.settled
        since = f"{many(more, 'experiment')} later" if more > 0 else "with other figures"
        told = (
            f"{suggested.model} made suggestions after "
            f"{many(suggested.settled, 'experiment')}; this report is {since}, so they are left "
            "out. `autoresearch-tui report --suggest` asks again."
        )
        suggested = msgspec.structs.replace(suggested, steps=(), trouble=told)
    return msgspec.structs.replace(facts, suggested=suggested)


def ask_anew(facts: ReportFacts, session: Session, workspace: Path) -> ReportFacts:
    """The facts with suggestions that are asked for now, and kept. Blocks; runs its own loop.

    Args:
        facts: Of the session.
        session: Whose model is asked, within its caps.
        workspace: Where the session is.

    Raises:
        WorkspaceError: They could not be kept.
    """
    layout = Layout(workspace, session.config.tag)
    asked = asyncio.run(
        ask(facts, session.config, spent_by(session, layout), workspace, os.environ)
    )
    try:
        keep(layout, facts, asked.suggested, own=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path_of(layout)} cannot be written.", f"{error.strerror or error}."
        ) from error
    return msgspec.structs.replace(facts, suggested=asked.suggested)


def _digest(facts: ReportFacts) -> str:
    return hashlib.sha256(figures_of(facts).encode("utf-8", "replace")).hexdigest()
