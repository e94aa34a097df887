"""What to tell where there is a results.tsv and no session of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.client.sessions import has_session
from engine.core.errors import WorkspaceError


@contextmanager
def telling_of_a_table(workspace: Path, tag: str | None, todo: str) -> Iterator[None]:
    """Where no session was found and a table lies there, say what can be done with that.

    Args:
        workspace: Where a session was looked for.
        tag: The one that was named, if one was.
        todo: The next step; `{table}` in it is the table's path.
    """
    try:
        yield
    except WorkspaceError as error:
        table = workspace / "results.tsv"
        if tag is not None or has_session(workspace) or not table.is_file():
            raise
        raise WorkspaceError(error.what, error.why, todo.format(table=table)) from None
