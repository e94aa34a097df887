"""Creates a new workspace: a git repository with the given files, such as the bundled harness."""

from __future__ import annotations

from pathlib import Path

from engine.core.errors import WorkspaceError
from engine.git.commands import Git, create_repository

_IDENTITY = (
    *("-c", "user.name=autoresearch-tui"),
    *("-c", "user.email=autoresearch-tui@localhost"),
)


def make_workspace(directory: Path, files: dict[str, str]) -> None:
    """Create a git repository that holds the given files in a first commit.

    Args:
        directory: The directory to create; it may exist if it is empty.
        files: The text of each file by its path in the directory.

    Raises:
        WorkspaceError: The directory is not empty, or cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise WorkspaceError(
            f"{directory} is not empty.", "", "Name a directory that does not exist yet."
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        create_repository(directory)
        for name, text in files.items():
            (directory / name).write_text(text, "utf-8")
    except OSError as error:
        raise WorkspaceError(f"{directory} cannot be written.", f"{error.strerror}.") from error
    git = Git(directory)
    git.run("add", "--", *files)
    identity = _IDENTITY if git.try_run("config", "user.email") is None else ()
    git.run(*identity, "commit", "--quiet", "--no-verify", "-m", "The harness as it is shipped")
