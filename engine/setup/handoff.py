"""What the person said at the start of an engine that belongs into the journal and not into the
config: laid down beside the journal, and taken up by the engine.
"""

from __future__ import annotations

import msgspec

from engine.core import events as ev
from engine.core.enums import Autonomy
from engine.core.errors import WorkspaceError
from engine.store.artifacts import Layout
from engine.store.durable import write_durably
from engine.store.journal import Journal

_NAME = "opening.json"
_BY = "command line"


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person's words at the start."""

    first_hypothesis: str = ""
    """Becomes the first pin."""
    autonomy: Autonomy | None = None
    """Takes the place of what was said on the screen in an earlier life of the session."""
    base: str = ""
    """The commit the session starts from; empty: the checkout's."""
    adopts: bool = False
    """Whether its branch is there already, with the history of a session without a journal."""


def read_start_request(layout: Layout) -> StartRequest:
    """What was laid down and not taken up yet; nothing where it cannot be read."""
    try:
        return msgspec.json.decode((layout.session / _NAME).read_bytes(), type=StartRequest)
    except (OSError, msgspec.DecodeError):
        return StartRequest()


def write_start_request(layout: Layout, start_request: StartRequest) -> None:
    """Lay it down for the engine that is started next.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    path = layout.session / _NAME
    try:
        if start_request == StartRequest():
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(start_request).decode())
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}.",
            "Make the workspace writable or free disk space, then start again.",
        ) from error


def apply_start_request(layout: Layout, journal: Journal) -> None:
    """Record what was laid down, once."""
    start_request = read_start_request(layout)
    session = journal.session
    # An engine that was killed a moment later finds its own pin and does not say it twice.
    if start_request.first_hypothesis and not session.pins and not session.experiments:
        text = start_request.first_hypothesis
        journal.append(ev.HypothesisPinned(pin=1, text=text, by=_BY))
    if start_request.autonomy is not None and start_request.autonomy is not session.autonomy:
        journal.append(ev.AutonomySet(autonomy=start_request.autonomy, by=_BY))
    (layout.session / _NAME).unlink(missing_ok=True)
