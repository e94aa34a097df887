"""Checks commits out into the engine's git worktrees, where runs start and coding agents edit.

A worktree is made for one run or one call of an agent, and deleted before the next. Git is never
run in it afterwards: what was written there, such as another `.git`, would decide which repository
git changes and which programs it starts.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from engine.core.errors import GitError
from engine.store.filters import bring_unfiltered, find_broken
from engine.store.removal import clear_away
from engine.store.workspace import Workspace, switched_off


def check_out(
    workspace: Workspace, worktree: Path, commit: str, needed: tuple[str, ...] = ()
) -> Path:
    """Make a git worktree that holds exactly the files of a commit; one made before is deleted.

    Args:
        workspace: The user's repository.
        worktree: The directory of the worktree, below `.autoresearch`.
        commit: The commit to check out.
        needed: Files of the workspace, or globs of them, that must be complete.

    Returns:
        The directory in the worktree that corresponds to the workspace.

    Raises:
        WorkspaceError: Git cannot check the commit out.
        EnvironmentProblem: A needed file is stored through a git filter that cannot run here.
        OSError: What was in the worktree cannot be moved out of the way, or the disk is full.
    """
    remove_worktree(workspace, worktree)
    worktree.parent.mkdir(parents=True, exist_ok=True)
    if (workspace.common_dir / "reftable").is_dir():
        workspace.git.add_worktree(worktree, commit)
    else:
        _fill(workspace, worktree, _register(workspace, worktree, commit), commit, needed)
    return workspace_in(workspace, worktree)


def remove_worktree(workspace: Workspace, worktree: Path) -> Path | None:
    """Delete a worktree with all that is in it by now, and git's record of it.

    Returns:
        The new name of its directory where it could not be deleted; None where nothing is left.

    Raises:
        OSError: It can be neither deleted nor renamed.
    """
    if worktree.parent.is_symlink():
        worktree.parent.unlink()  # made by a run; it leads to files that are not the engine's
    aside = clear_away(worktree)
    clear_away(_record(workspace, worktree))
    return aside


def workspace_in(workspace: Workspace, worktree: Path) -> Path:
    """Return the directory in a worktree that corresponds to the workspace in the repository."""
    return worktree / workspace.prefix if workspace.prefix else worktree


def _record(workspace: Workspace, worktree: Path) -> Path:
    """Return the directory in which git keeps a worktree's HEAD and index.

    Its name follows from the worktree's path, so that nothing a run wrote needs to be read.
    """
    key = hashlib.sha256(os.fsencode(_real(worktree))).hexdigest()[:12]
    return workspace.common_dir / "worktrees" / f"{worktree.name}-{key}"


def _real(worktree: Path) -> Path:
    return Path(os.path.realpath(worktree.parent), worktree.name)


def _register(workspace: Workspace, worktree: Path, commit: str) -> Path:
    """Make an empty worktree at a commit, and return the directory of git's record of it.

    The files are those of gitrepository-layout(5). `git worktree add` takes three times as long.
    """
    record, pointer = _record(workspace, worktree), _real(worktree) / ".git"
    worktree.mkdir()
    pointer.write_bytes(b"gitdir: " + os.fsencode(record) + b"\n")
    record.mkdir(parents=True)
    (record / "HEAD").write_text(f"{commit}\n")
    (record / "commondir").write_text("../..\n")
    (record / "gitdir").write_bytes(os.fsencode(pointer) + b"\n")
    return record


def _fill(
    workspace: Workspace, worktree: Path, record: Path, commit: str, needed: tuple[str, ...]
) -> None:
    """Write the files of a commit to an empty worktree, by as many processes as there are cores.

    A filter that cannot run, such as git-lfs where it is not installed, is switched off.
    """
    settings = ["-c", "checkout.workers=0"]
    if workspace.sparse_patterns is not None:
        (record / "info").mkdir()
        (record / "info" / "sparse-checkout").write_bytes(workspace.sparse_patterns)
        settings += ["-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false"]
    environment = {"GIT_DIR": str(record), "GIT_WORK_TREE": str(_real(worktree))}

    def fill() -> None:
        options = (*settings, *switched_off(workspace.broken_filters))
        workspace.git.run(*options, "read-tree", "--reset", "-u", commit, env=environment)

    try:
        fill()
    except GitError as error:
        broken = find_broken(workspace, environment, commit, error.why)
        if not broken:
            raise
        workspace.broken_filters |= broken
        fill()
    if workspace.broken_filters:
        bring_unfiltered(workspace, worktree, environment, needed)
