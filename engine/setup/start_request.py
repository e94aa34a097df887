"""Decisions at the start that are not settings: written by the command, recorded by the engine."""

from __future__ import annotations

import msgspec

from engine.core import events as ev
from engine.core.enums import Actor, Autonomy
from engine.core.errors import WorkspaceError
from engine.core.layout import Layout
from engine.store.durable import write_durably
from engine.store.journal import Journal

_NAME = "opening.json"
_BY = Actor.COMMAND_LINE


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the command that starts an engine decided for it."""

    first_hypothesis: str = ""
    """Text of the first pin."""
    autonomy: Autonomy | None = None
    """Mode that replaces the one set on the screen before the session ended."""
    base: str = ""
    """Commit the session starts from; empty: the one that is checked out."""
    adopts: bool = False
    """True if the session's branch exists, with the history of a session without a journal."""
    notes: tuple[str, ...] = ()
    """Remarks on how the workspace is used, as they were shown before the session."""


def read_start_request(layout: Layout) -> StartRequest:
    """Return the request that is not recorded yet; an empty one where it cannot be read."""
    try:
        return msgspec.json.decode((layout.session / _NAME).read_bytes(), type=StartRequest)
    except (OSError, msgspec.DecodeError):
        return StartRequest()


def write_start_request(layout: Layout, request: StartRequest) -> None:
    """Write the request for the engine that is started next.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    path = layout.session / _NAME
    try:
        if request == StartRequest():
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(request).decode())
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}.",
            "Make the workspace writable or free disk space, then start again.",
        ) from error


def apply_start_request(layout: Layout, journal: Journal, request: StartRequest) -> None:
    """Record the request in the journal and remove its file."""
    session = journal.session
    # An engine that is started after one that was killed here must not pin the hypothesis twice.
    if request.first_hypothesis and not session.pins and not session.experiments:
        journal.append(ev.HypothesisPinned(pin=1, text=request.first_hypothesis, by=_BY))
    if request.autonomy is not None and request.autonomy is not session.autonomy:
        journal.append(ev.AutonomySet(autonomy=request.autonomy, by=_BY))
    (layout.session / _NAME).unlink(missing_ok=True)
