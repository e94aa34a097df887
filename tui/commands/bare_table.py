"""Explains the error for a directory that has a results.tsv but no session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import has_session
from engine.core.errors import WorkspaceError


@contextmanager
def explain_bare_table(workspace: Path, tag: str | None, todo: str) -> Iterator[None]:
    """Replace the advice in a WorkspaceError that the enclosed code raises for a missing session.

    Only if the directory has a results.tsv but no session, and no tag was given.

    Args:
        workspace: The directory in which a session is looked up.
        tag: The session's tag that the user gave; None: none.
        todo: What the user can do with the table; `{table}` in it is replaced by its path.
    """
    try:
        yield
    except WorkspaceError as error:
        table = workspace / "results.tsv"
        if tag is not None or has_session(workspace) or not table.is_file():
            raise
        raise WorkspaceError(error.what, error.why, todo.format(table=table)) from None
