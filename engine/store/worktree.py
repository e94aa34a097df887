"""The engine's worktrees of the user's repository: where runs start and coding agents edit."""

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
    """Put a commit into a worktree of the engine's, making the worktree if there is none.

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
    """Put a commit into a new worktree, with nothing left of what was in the directory.

    Returns:
        The directory in the worktree that corresponds to the workspace.
    """
    if worktree.exists():
        shutil.rmtree(worktree)
    return check_out(workspace, worktree, commit)


def workspace_in(workspace: Workspace, worktree: Path) -> Path:
    """Return the directory of a worktree that corresponds to the workspace."""
    return worktree / workspace.prefix if workspace.prefix else worktree


def changed_files(directory: Path, globs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tracked files below a directory that match a glob and differ from HEAD."""
    out = Git(directory).try_run("diff", "--name-only", "--relative", "-z", "HEAD") or ""
    names = [name for name in out.split("\0") if name]
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, g) for g in globs))


def _belongs_to(directory: Path, workspace: Workspace) -> bool:
    """Return whether a worktree's git directory is intact and one of this repository.

    That of a copied workspace is not, and a power cut may leave its HEAD empty.
    """
    try:
        head = (directory / "HEAD").read_bytes()
        common = (directory / "commondir").read_text("utf-8", "surrogateescape")
    except OSError:
        return False
    own = workspace.common_dir.resolve()
    return _HEAD.fullmatch(head) is not None and (directory / common.rstrip("\n")).resolve() == own


def _git_directory(worktree: Path) -> Path | None:
    """Return the git directory that a linked worktree's `.git` file names, without a process.

    See gitrepository-layout(5). None where there is no such file.
    """
    try:
        text = (worktree / ".git").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return worktree / text.removeprefix("gitdir: ").rstrip("\n")


def _remove_stale_locks(directory: Path) -> None:
    """Remove locks that a power cut left in a worktree's git directory; only engines work there."""
    for name in ("index.lock", "HEAD.lock"):
        path = directory / name
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
