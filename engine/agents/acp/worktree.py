"""Reads the files that a coding agent edited in its worktree, and finds what else it left."""

from __future__ import annotations

import contextlib
import os

from engine.agents.acp.policy import Policy
from engine.agents.checks import WrongEdit
from engine.core.patches.file_parts import join_files

LARGEST_FILE_BYTES = 4 * 2**20


def read_files(policy: Policy) -> str:
    """Return the text of the editable files in the agent's worktree, their line ends unchanged.

    Raises:
        WrongEdit: A file is missing, a link, too large, or not UTF-8 text.
    """
    return join_files({name: _read(policy, name) for name in policy.editable})


def _read(policy: Policy, name: str) -> str:
    path = policy.editable[name]
    if path.is_symlink() or not policy.may_write(name):
        raise WrongEdit(f"{name} was replaced by a link.")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise WrongEdit(f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_FILE_BYTES:
        raise WrongEdit(f"{name} is larger than {LARGEST_FILE_BYTES // 2**20} MiB.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongEdit(f"{name} is not UTF-8 text.") from None


def file_stamps(policy: Policy) -> dict[str, tuple[int, int]]:
    """Return inode number and change time of each file and link in the agent's worktree, by path.

    One of them is another after any change of the file, and neither can be set. Git is not asked:
    the agent may have changed what git reads there. The files of git and caches of Python are left
    out.
    """
    found, waiting = dict[str, tuple[int, int]](), [str(policy.worktree)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name in (".git", "__pycache__"):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                info = entry.stat(follow_symlinks=False)
                found[entry.path] = (info.st_ino, info.st_ctime_ns)
    return found


def strays(policy: Policy, before: dict[str, tuple[int, int]]) -> list[str]:
    """Return files other than the editable ones that were changed, added or deleted.

    Args:
        policy: Names the worktree and the editable files.
        before: The worktree's `file_stamps` before the agent was asked.

    Returns:
        Paths relative to the worktree, those of added files last.
    """
    changed = {path for path, _ in before.items() ^ file_stamps(policy).items()}
    changed -= {str(path) for path in policy.editable.values()}
    ordered = sorted(changed, key=lambda path: (path not in before, path))
    return [os.path.relpath(path, policy.worktree) for path in ordered]
