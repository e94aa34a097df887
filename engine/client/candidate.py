"""Builds the text of the editable files with a queued proposal applied."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.core.errors import WorkspaceError
from engine.core.records import Queued
from engine.core.session import Session


class CandidateFile(NamedTuple):
    """The text of the editable files before and after a queued proposal."""

    before: str
    after: str
    base: str
    """The hash of the commit that holds the files as in `before`."""


def candidate_file(workspace: Path, session: Session, queued: Queued) -> CandidateFile:
    """Apply a queued proposal's patch to the editable files, and return both texts.

    The files are the frontier's, or those of the proposal's own base where the patch fits only
    there.

    Args:
        workspace: The researcher's git repository.
        session: The session that the proposal belongs to.
        queued: The proposal in the session's queue.

    Raises:
        WorkspaceError: The base is gone from the repository, or the patch does not fit it.
    """
    from engine.core.patches.patch import PatchError, apply_patch
    from engine.core.patches.refit import refit
    from engine.store.workspace import Workspace  # not needed before a proposal is edited

    repository, files = Workspace(workspace), session.config.files
    base = repository.read_files(queued.base, files)
    try:
        edited = apply_patch(base, queued.patch)
    except PatchError as error:
        raise WorkspaceError(
            error.what, error.why, "Veto it, or let the agent try again."
        ) from error
    now = repository.read_files(session.frontier, files)
    refitted = refit(base, edited, now)
    if refitted is None:
        return CandidateFile(base, edited, queued.base)
    return CandidateFile(now, refitted, session.frontier)


def file_at(workspace: Path, commit: str, name: str) -> str | None:
    """Return the text of a workspace's file as of a commit; None where the commit has none."""
    from engine.store.workspace import Workspace

    return Workspace(workspace).try_read(commit, name)
