"""Passes decisions that are not settings, such as a first pin, from start command to engine."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.core import events as ev
from engine.core.enums import Actor, Autonomy
from engine.core.errors import ConfigError, WorkspaceError
from engine.core.git_names import CommitHash
from engine.core.layout import Layout
from engine.store.durable import write_durably
from engine.store.journal import Journal
from engine.untrusted_files import read_regular

_NAME = "opening.json"
_MOST_BYTES = 2**20
_BY = Actor.COMMAND_LINE


class StartRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What the command that starts an engine asks it to record at its start."""

    first_hypothesis: str = ""
    """The text of the session's first pin; empty: none."""
    autonomy: Autonomy | None = None
    """The autonomy to set instead of the one in the session's journal; None: keep that."""
    base: CommitHash = ""
    """The commit that the session starts from; empty: the one that is checked out."""
    adopts: bool = False
    """True if another tool's session is continued: its branch exists, its history is imported."""
    notes: tuple[str, ...] = ()
    """The sentences about the workspace's use that were shown before the session."""


def request_path(layout: Layout) -> Path:
    """Return the path of a session's start request, whether there is one or not."""
    return layout.session / _NAME


def read_start_request(layout: Layout) -> StartRequest:
    """Return a session's start request that no engine has recorded yet; an empty one for none.

    Raises:
        ConfigError: The file is damaged or cannot be read.
    """
    path = request_path(layout)
    try:
        return msgspec.json.decode(read_regular(path, _MOST_BYTES), type=StartRequest)
    except (FileNotFoundError, NotADirectoryError):
        return StartRequest()
    except OSError as error:
        why = f"{error.strerror}."
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = f"{error}."
    raise ConfigError(
        f"The start request {path} cannot be read.", why, "Remove it, and start again."
    )


def write_start_request(layout: Layout, request: StartRequest) -> None:
    """Write the session's start request to a file, for the engine that is started next.

    An empty request removes the file.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    path = request_path(layout)
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
    """Record the request's first pin and autonomy in the journal, and remove its file."""
    session = journal.session
    # An engine that is started after one that was killed here must not pin the hypothesis twice.
    if request.first_hypothesis and not session.pins and not session.experiments:
        journal.append(ev.HypothesisPinned(pin=1, text=request.first_hypothesis, by=_BY))
    if request.autonomy is not None and request.autonomy is not session.autonomy:
        journal.append(ev.AutonomySet(autonomy=request.autonomy, by=_BY))
    request_path(layout).unlink(missing_ok=True)
