"""Checks that the engine's files lead nowhere else, and keeps other users from reading them."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from engine.core.errors import WorkspaceError
from engine.core.layout import Layout, engine_log, engine_output
from engine.untrusted_files import make_private

_DIRECTORIES = ("", "worktrees", "experiments", "prompts")


def check_engine_files(layout: Layout) -> None:
    """Raise an error for a link, pipe or device in the place of a file that the engine writes.

    They may have come with the repository. `.autoresearch` itself may be a link, which the user
    confirms.

    Raises:
        WorkspaceError: A file or directory is not one; the error names it.
    """
    files = (engine_log(layout.workspace), engine_output(layout.workspace), layout.journal)
    torn = layout.journal.with_suffix(".torn")
    for path in (*files, torn, *(layout.session / name for name in _DIRECTORIES)):
        wanted = stat.S_IFREG if path in (*files, torn) else stat.S_IFDIR
        try:
            kind = stat.S_IFMT(os.lstat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise WorkspaceError(f"{path} cannot be read.", f"{error.strerror}.") from None
        if kind != wanted:
            what = "a link" if kind == stat.S_IFLNK else "something else"
            expected = "a regular file" if wanted == stat.S_IFREG else "a directory"
            raise WorkspaceError(
                f"{path} is {what}.",
                f"It must be {expected}, because the engine writes to it.",
                "Remove it, and start again.",
            )


def hide_directories(layout: Layout) -> None:
    """Let only the user enter the engine's directories, which earlier versions opened to others.

    `.autoresearch` keeps its permissions where it is a link.
    """
    for directory in (layout.home, layout.session):
        with contextlib.suppress(OSError):  # a link
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                make_private(descriptor)
            finally:
                os.close(descriptor)


def check_results_file(workspace: Path, name: str) -> None:
    """Raise an error for a results table in a directory that is a link out of the workspace.

    Raises:
        WorkspaceError: The engine would append rows to a file elsewhere.
    """
    directory = (workspace / name).parent
    try:
        inside = directory.resolve().is_relative_to(workspace.resolve())
    except (OSError, RuntimeError):  # a link to itself
        inside = False
    if not inside:
        raise WorkspaceError(
            f"The directory of the results table {name} is a link out of {workspace}.",
            "The engine appends to that file.",
            "Name another table with --results-file.",
        )
