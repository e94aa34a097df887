"""The error for a directory that has a results.tsv and no session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import has_session
from engine.core.errors import WorkspaceError


@contextmanager
def explain_bare_table(workspace: Path, tag: str | None, todo: str) -> Iterator[None]:
    """Replace the next step of a missing session's error if there is a table.

    Args:
        workspace: The directory in which a session is looked up.
        tag: The tag that was given, if any.
        todo: The next step for the table; `{table}` in it is the table's path.
    """
    try:
        yield
    except WorkspaceError as error:
        table = workspace / "results.tsv"
        if tag is not None or has_session(workspace) or not table.is_file():
            raise
        raise WorkspaceError(error.what, error.why, todo.format(table=table)) from None
