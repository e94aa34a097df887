"""Saves a language model's suggestions beside the journal until something new is measured."""

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
from engine.report.suggest import ask_model
from engine.store.durable import write_durably
from engine.untrusted_files import read_regular

_LARGEST = 2**20


class SavedSuggestions(msgspec.Struct, frozen=True, kw_only=True):
    """Next steps that a language model suggested for a session, as suggestions.json keeps them."""

    suggested: Suggested
    figures: str
    """SHA-256 of the figures in the question; with other figures the suggestions are outdated."""
    own_tokens: int = 0
    """Tokens used by questions outside the engine, which are not in the journal."""
    own_dollars: float = 0.0
    """Dollars spent on questions outside the engine."""


def path_of(layout: Layout) -> Path:
    """Return the path of the file with a session's saved suggestions."""
    return layout.session / "suggestions.json"


def read_saved(layout: Layout) -> SavedSuggestions | None:
    """Return a session's saved suggestions; None if there are none or they cannot be read."""
    try:
        return msgspec.json.decode(read_regular(path_of(layout), _LARGEST), type=SavedSuggestions)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def save(layout: Layout, facts: ReportFacts, suggested: Suggested, *, own: bool) -> None:
    """Save a model's suggestions for later reports, replacing earlier ones.

    Args:
        layout: The paths of the session's files.
        facts: The facts that the model was asked with.
        suggested: The suggestions, or the error in their place.
        own: Whether the call was made outside the engine, so that its cost is not in the journal.

    Raises:
        OSError: The disk is full or read-only.
    """
    before = read_saved(layout)
    tokens, dollars = (before.own_tokens, before.own_dollars) if before else (0, 0.0)
    if own:
        tokens, dollars = tokens + suggested.tokens, dollars + (suggested.dollars or 0.0)
    saved = SavedSuggestions(
        suggested=suggested, figures=_digest(facts), own_tokens=tokens, own_dollars=dollars
    )
    write_durably(path_of(layout), msgspec.json.format(msgspec.json.encode(saved), indent=2))


def spending_of(session: Session, layout: Layout) -> AgentSpending:
    """Return the tokens and dollars that count against a session's caps so far.

    It includes the questions asked outside the engine, which the journal does not have.
    """
    saved, spent = read_saved(layout), session.spending
    return AgentSpending(
        tokens=spent.tokens + (saved.own_tokens if saved else 0),
        dollars=spent.dollars + (saved.own_dollars if saved else 0.0),
        unpriced=spent.unpriced,
    )


def with_saved(facts: ReportFacts, layout: Layout) -> ReportFacts:
    """Return a report's facts with the saved suggestions, or with why those are outdated."""
    saved = read_saved(layout)
    if saved is None:
        return facts
    suggested = saved.suggested
    if saved.figures != _digest(facts):
        if not suggested.steps:
            return facts  # an old error does not matter now
        more = facts.counts.total - suggested.settled
        since = f"{many(more, 'experiment')} later" if more > 0 else "with other figures"
        outdated = (
            f"{suggested.model} made suggestions after "
            f"{many(suggested.settled, 'experiment')}; this report is {since}, so they are "
            "omitted. `autoresearch-tui report --suggest` asks again."
        )
        suggested = msgspec.structs.replace(suggested, steps=(), error=outdated)
    return msgspec.structs.replace(facts, suggested=suggested)


def ask_and_save(facts: ReportFacts, session: Session, workspace: Path) -> ReportFacts:
    """Ask the session's model for next steps, a paid call; save them and return facts with them.

    Blocks, and runs an event loop of its own.

    Args:
        facts: The facts of the session.
        session: The session, whose model is asked within its caps.
        workspace: The session's workspace.

    Raises:
        WorkspaceError: The suggestions could not be saved.
    """
    layout = Layout(workspace, session.config.tag)
    reply = asyncio.run(
        ask_model(facts, session.config, spending_of(session, layout), workspace, os.environ)
    )
    try:
        save(layout, facts, reply.suggested, own=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path_of(layout)} could not be written.", f"{error.strerror or error}."
        ) from error
    return msgspec.structs.replace(facts, suggested=reply.suggested)


def _digest(facts: ReportFacts) -> str:
    return hashlib.sha256(figures_of(facts).encode("utf-8", "replace")).hexdigest()
