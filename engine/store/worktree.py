"""Checks commits out into the engine's git worktrees, where runs start and coding agents edit."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import time
from pathlib import Path

from engine.store.git import Git
from engine.store.workspace import Workspace

_STALE_SECONDS = 10.0
_HEAD = re.compile(rb"ref: refs/.+\n|[0-9a-f]{40,64}\n")


def check_out(workspace: Workspace, worktree: Path, commit: str) -> Path:
    """Check a commit out in one of the engine's worktrees, and make the worktree if there is none.

    A directory in its place that is not a worktree of this repository is renamed first.

    Args:
        workspace: The user's repository.
        worktree: The directory of the worktree, below `.autoresearch`.
        commit: The commit to check out; local changes of an earlier run are overwritten.

    Returns:
        The directory in the worktree that corresponds to the workspace.
    """
    directory = _git_directory(worktree)
    if directory is not None and _belongs_to(directory, workspace):
        _remove_stale_locks(directory)
        Git(worktree).run("checkout", "--quiet", "--force", "--detach", commit)
    else:
        if worktree.exists():
            aside = worktree.with_name(f"{worktree.name}.old-{os.getpid()}")
            worktree.rename(aside)
        worktree.parent.mkdir(parents=True, exist_ok=True)
        # Forced: git may still list a worktree of that path which is gone.
        workspace.git.run(
            *("worktree", "add", "--quiet", "--detach", "--force", str(worktree), commit)
        )
    return workspace_in(workspace, worktree)


def check_out_fresh(workspace: Workspace, worktree: Path, commit: str) -> Path:
    """Delete a worktree's directory with all its files, and check a commit out there again.

    Args:
        workspace: The user's repository.
        worktree: The directory of the worktree, below `.autoresearch`.
        commit: The commit to check out.

    Returns:
        The directory in the worktree that corresponds to the workspace.
    """
    if worktree.exists():
        shutil.rmtree(worktree)
    return check_out(workspace, worktree, commit)


def workspace_in(workspace: Workspace, worktree: Path) -> Path:
    """Return the directory in a worktree that corresponds to the workspace in the repository."""
    return worktree / workspace.prefix if workspace.prefix else worktree


def changed_files(directory: Path, globs: tuple[str, ...]) -> tuple[str, ...]:
    """Return tracked files below a directory that match any of the globs and differ from HEAD.

    Paths are relative to the directory; empty if git cannot be run there.
    """
    out = Git(directory).try_run("diff", "--name-only", "--relative", "-z", "HEAD") or ""
    names = [name for name in out.split("\0") if name]
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, g) for g in globs))


def _belongs_to(directory: Path, workspace: Workspace) -> bool:
    """Return whether a worktree's git directory is intact and of the workspace's repository.

    In a copied workspace it is that of the original; a power cut may leave its HEAD empty.
    """
    try:
        head = (directory / "HEAD").read_bytes()
        common = (directory / "commondir").read_text("utf-8", "surrogateescape")
    except OSError:
        return False
    own = workspace.common_dir.resolve()
    return _HEAD.fullmatch(head) is not None and (directory / common.rstrip("\n")).resolve() == own


def _git_directory(worktree: Path) -> Path | None:
    """Return the git directory that a linked worktree's `.git` file names, without running git.

    None if there is no such file. See gitrepository-layout(5).
    """
    try:
        text = (worktree / ".git").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return worktree / text.removeprefix("gitdir: ").rstrip("\n")


def _remove_stale_locks(directory: Path) -> None:
    """Delete locks older than ten seconds, left by a power cut, from a worktree's git directory.

    Only engines use these worktrees, so that no other program's lock is deleted.
    """
    for name in ("index.lock", "HEAD.lock"):
        path = directory / name
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
