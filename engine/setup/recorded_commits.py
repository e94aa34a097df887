"""Checks that the commits a journal names exist in the workspace's repository."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from engine.core.errors import JournalError
from engine.core.session import Session
from engine.store.workspace import Workspace


def check_recorded_commits(workspace: Workspace, session: Session) -> None:
    """Raise an error unless each commit that the session goes on from exists in the repository.

    Commits of imported attempts may be gone: nothing is based on them.

    Raises:
        JournalError: A commit is missing; the error names it.
    """
    wanted = {session.base_commit: "the session's first commit", session.frontier: "its best one"}
    for experiment in session.experiments:
        wanted.setdefault(experiment.base, f"the base of experiment {experiment.number}")
        wanted.setdefault(experiment.commit, f"the commit of experiment {experiment.number}")
    for queued in session.queue:
        wanted.setdefault(queued.base, f"the base of proposal {queued.queued}")
    wanted.pop("", None)
    for commit, kind in zip(wanted, _kinds(workspace, list(wanted)), strict=True):
        if kind != "commit":
            raise JournalError(
                f"The journal names a commit that is not in {workspace.top}: {commit[:12]}, "
                f"{wanted[commit]}.",
                "The journal may be of another repository, or git removed the commit.",
                "Start in the repository of this session, fetch the commit, or start another "
                "session with --tag.",
            )


def _kinds(workspace: Workspace, commits: list[str]) -> list[str]:
    """Return the type of the object that each full hash names, found by one git process."""
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{commit}\n" for commit in commits).encode())
        file.seek(0)
        out = workspace.git.run(
            "cat-file", "--batch-check=%(objecttype)", stdin=cast(BinaryIO, file)
        )
    return out.splitlines()
