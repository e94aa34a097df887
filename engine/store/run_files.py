"""Points `run.log` to a run's log, and collects the files that a run leaves behind."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from engine.store.removal import walk
from engine.store.workspace import Workspace
from engine.untrusted_files import set_aside

_log = logging.getLogger(__name__)


MAX_KEPT_BYTES = 64 * 2**20
"""The most bytes kept of the files one run leaves behind; the others are listed and deleted."""


def point_run_log(workspace: Path, log: Path) -> None:
    """Point the link `run.log` in the workspace to a run's log, unless the user has such a file.

    The link is a convenience. Where it cannot be made, the engine's log says why, and that is all.
    """
    link = workspace / "run.log"
    try:
        if os.path.lexists(link) and not link.is_symlink():
            return
        temporary = workspace / f".run.log.{os.getpid()}"
        set_aside(temporary)
        temporary.symlink_to(os.path.relpath(log, workspace))
        os.replace(temporary, link)
    except OSError as error:
        _log.warning("The link run.log could not be pointed to %s: %s", log, error.strerror)


def directory_times(worktree: Path) -> dict[str, int]:
    """Return the change time in nanoseconds of each directory of a worktree, by path.

    It changes when a file in the directory is created, removed or renamed, and cannot be set.
    """
    return {top: os.stat(top).st_ctime_ns for top, _ in walk(worktree)}


def take_leftovers(
    workspace: Workspace,
    worktree: Path,
    commit: str,
    run_directory: Path,
    before: dict[str, int] | None = None,
) -> int:
    """Move files a run left in its worktree to the run's directory; the worktree is deleted later.

    Files that are ignored in the user's checkout, such as caches, and links are left behind, and so
    are copies of the user's data that the run did not change. Beyond 64 MiB in all, a file is
    listed in not-kept.txt instead.

    Args:
        workspace: The workspace with the data.
        worktree: The worktree of the run.
        commit: The commit that was checked out in it.
        run_directory: The directory of the run's files.
        before: The worktree's `directory_times` just before the run, which spare asking git where
            nothing was left; None where the run was started by another engine.

    Returns:
        The number of files moved.
    """
    if not worktree.is_dir() or worktree.is_symlink() or worktree.parent.is_symlink():
        return 0  # deleted or replaced by the run
    if before is not None and directory_times(worktree) == before:
        return 0
    moved = kept = 0
    if (run_directory / "files").is_symlink():
        (run_directory / "files").unlink()  # made by the run; it would move them elsewhere
    for name in _left_files(workspace, worktree, commit):
        source, target = worktree / name, run_directory / "files" / name
        size = source.stat().st_size
        if kept + size > MAX_KEPT_BYTES:
            # Checkpoints of 1,000 runs would fill the disk overnight.
            run_directory.mkdir(parents=True, exist_ok=True)
            with open(run_directory / "not-kept.txt", "a", encoding="utf-8") as notes:
                notes.write(f"{name}\t{size} bytes\n")
            continue
        kept += size
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        moved += 1
    return moved


def _left_files(workspace: Workspace, worktree: Path, commit: str) -> list[str]:
    """Return the files that a run left in its worktree and that are worth keeping.

    Git is asked about their names only, and looks at the user's checkout: the run may have written
    a git directory or a pipe called `.gitignore` to the worktree.
    """
    # Where git fails, the files of the commit are kept too.
    listing = workspace.git.try_run("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
    tracked, left = set((listing or "").split("\0")), {}
    for _, entries in walk(worktree):
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                continue
            name = os.path.relpath(entry.path, worktree)
            parts = name.split("/")
            if name in tracked or ".git" in parts or "__pycache__" in parts:
                continue
            if not _is_copy(entry, workspace.top / name):
                left[os.path.relpath(name, workspace.prefix or ".")] = name
    ignored = workspace.ignored(list(left)) if left else set()
    return sorted(name for own, name in left.items() if own not in ignored)


def _is_copy(entry: os.DirEntry[str], own: Path) -> bool:
    """Return whether a file is a copy of the user's that was brought and is unchanged."""
    try:
        brought, users = entry.stat(follow_symlinks=False), own.stat()
    except OSError:
        return False
    return (brought.st_size, brought.st_mtime_ns) == (users.st_size, users.st_mtime_ns)
