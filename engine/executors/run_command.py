"""Parses the run command, and finds the directory of a worktree in which it starts."""

from __future__ import annotations

import os.path
from pathlib import Path

from engine.core.command_line import CommandLine, parse_command
from engine.core.errors import UsageError, WorkspaceError


def run_command(text: str) -> CommandLine:
    """Parse a run command, with `~` and `$HOME` replaced by the user's home directory.

    Raises:
        UsageError: A quote is left open, or the command is empty.
    """
    try:
        return parse_command(text, os.path.expanduser("~"))
    except ValueError as error:
        raise UsageError(
            f"Invalid command: {text!r}.", f"{error}.", "Set another with --command."
        ) from None


def start_directory(command: CommandLine, place: Path, *, top: Path, worktree: Path) -> Path:
    """Return the directory in which a command starts: that of its `cd`, in the worktree.

    Args:
        command: The command; its `cd` may name a directory of the user's own checkout.
        place: The directory in the worktree that corresponds to the workspace.
        top: The top of the user's own checkout.
        worktree: The top of the worktree.

    Raises:
        WorkspaceError: There is no such directory.
    """
    directory = Path(os.path.normpath(place / command.directory))
    if os.path.isabs(command.directory):
        real, real_top = directory.resolve(), top.resolve()
        if real.is_relative_to(real_top):
            directory = worktree / real.relative_to(real_top)
    elif not directory.is_relative_to(worktree):
        raise WorkspaceError(
            f"The run command changes to {command.directory}, which is outside the repository.",
            "Runs start in a worktree, and what is beside it is not what is beside your checkout.",
            "Start a session with another --command, without that `cd`.",
        )
    if not directory.is_dir():
        raise WorkspaceError(
            f"The run command changes to {command.directory}, which is not a directory here.",
            "Runs start in a worktree, which holds the committed files and the linked data.",
            "Commit a file in it, or start a session with another --command.",
        )
    return directory
