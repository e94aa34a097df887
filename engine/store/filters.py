"""Handles files stored through a git filter that cannot run here, such as git-lfs or git-crypt."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from engine.core.errors import EnvironmentProblem, GitError, WorkspaceError
from engine.git.commands import Git
from engine.store.bringing import Bringer
from engine.store.workspace import Workspace, configured_filters, filters_of
from engine.untrusted_files import open_regular

_POINTER = b"version https://git-lfs"
_CIPHER = b"\0GITCRYPT\0"
_FAILED = re.compile(r"smudge filter (\S+) failed|external filter '[^']*' failed|hung up")
_REMEDIES = {
    "lfs": "Install git-lfs, run `git lfs install` and `git lfs pull`, then start again.",
    "git-crypt": "Install git-crypt, run `git-crypt unlock`, then start again.",
}


def check_readable(workspace: Workspace, files: tuple[str, ...], locked: tuple[str, ...]) -> None:
    """Check that git stores the editable files as text, and that no locked file is a cipher.

    Args:
        workspace: The user's repository.
        files: The editable files.
        locked: The locked files, or globs of them.

    Raises:
        WorkspaceError: An edit would replace a pointer or a cipher, or a run cannot read a file.
    """
    for file in files:
        stored = workspace.git.blob(f"{workspace.head}:{workspace.inside(file)}") or b""
        if stored.startswith((_POINTER, _CIPHER)):
            name = "lfs" if stored.startswith(_POINTER) else "git-crypt"
            raise WorkspaceError(
                f"{file} is stored through the git filter {name!r}.",
                "An experiment is a commit of its text, and git has a pointer or a cipher instead.",
                f"Write `{file} !filter !diff` at the end of .gitattributes, run "
                f"`git add --renormalize {file}`, commit, and start again.",
            )
    for path in (path for glob in locked for path in workspace.path.glob(glob)):
        with contextlib.suppress(OSError), open(open_regular(path), "rb") as opened:
            if opened.read(len(_CIPHER)) == _CIPHER:
                name = path.relative_to(workspace.path).as_posix()
                raise WorkspaceError(
                    f"{name} is encrypted by git-crypt, and locked here.",
                    "",
                    _REMEDIES["git-crypt"],
                )


def find_broken(
    workspace: Workspace, environment: dict[str, str], commit: str, message: str
) -> dict[str, str]:
    """Return the filters that kept git from checking a commit out, each with git's reason.

    Args:
        workspace: The user's repository.
        environment: Variables that name the worktree and git's record of it.
        commit: The commit.
        message: What git wrote when it failed.
    """
    if not (failed := _FAILED.search(message)):
        return {}
    git = workspace.git
    git.run("read-tree", "--reset", commit, env=environment)
    configured = configured_filters(git, r"^filter\..*\.(process|smudge)$")
    used = _filtered_files(git, environment)
    in_use = configured & used.keys()
    broken = {name for name in in_use if not _works(git, f"{commit}:{used[name][0]}")}
    broken |= {failed[1]} & in_use
    return dict.fromkeys(broken or in_use, _first_line(message))


def bring_unfiltered(
    workspace: Workspace, worktree: Path, environment: dict[str, str], needed: tuple[str, ...]
) -> None:
    """Bring files whose filter is switched off from the user's checkout, where they are complete.

    Args:
        workspace: The user's repository, with the filters that cannot run.
        worktree: The worktree, which holds those files as git stores them.
        environment: Variables that name the worktree and git's record of it.
        needed: The editable file and the locked files, or globs of them, below the workspace.

    Raises:
        EnvironmentProblem: One of the needed files is stored through such a filter.
    """
    used = _filtered_files(workspace.git, environment)
    place = worktree / workspace.prefix
    wanted = {os.path.relpath(p, worktree) for glob in needed for p in place.glob(glob)}
    bringer = Bringer()
    for name, reason in workspace.broken_filters.items():
        paths = used.get(name, [])
        if blocked := sorted(wanted & set(paths)):
            raise EnvironmentProblem(
                f"{blocked[0]} is stored through the git filter {name!r}, which cannot run here.",
                reason,
                _REMEDIES.get(name, "Make the filter's program work, then start again."),
            )
        for path in paths:
            source, target = workspace.top / path, worktree / path
            if _is_complete(source, target):
                target.unlink()
                bringer.bring_file(str(source), str(target))


def filter_note(name: str, reason: str) -> str:
    """Return a sentence for the user on a filter that was switched off."""
    remedy = _REMEDIES.get(name, "")
    return (
        f"The git filter {name!r} cannot run here ({reason}), so runs get the files that are "
        f"stored through it as they lie in your checkout. {remedy}".strip()
    )


def _filtered_files(git: Git, environment: dict[str, str]) -> dict[str, list[str]]:
    """Return the paths of a worktree's index that are stored through a filter, by filter."""
    listing = git.run("ls-files", "-z", "--full-name", env=environment)
    found: dict[str, list[str]] = {}
    for path, name in filters_of(git, listing, "--cached", env=environment).items():
        found.setdefault(name, []).append(path)
    return found


def _works(git: Git, blob: str) -> bool:
    """Return whether a file of a commit can be read through its filter."""
    try:
        git.read("cat-file", "--filters", blob, most_bytes=1)
    except GitError:
        return False
    return True


def _first_line(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "it failed")


def _is_complete(source: Path, stored: Path) -> bool:
    """Return whether a file of the checkout holds what git stores only a pointer or a cipher of.

    Args:
        source: The file in the user's checkout.
        stored: The same file as git stores it.
    """
    if not source.is_file() or source.is_symlink() or not stored.is_file() or stored.is_symlink():
        return False
    size = source.stat().st_size
    if stored.stat().st_size > 2048:
        return True
    text = stored.read_bytes()
    pointer = re.search(rb"^size (\d+)$", text, re.M)
    if text.startswith(_POINTER) and pointer is not None:
        return size == int(pointer[1])
    return True
