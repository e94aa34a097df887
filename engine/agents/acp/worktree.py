"""Reads the file that a coding agent edited in its worktree, and finds what else it left there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from engine.agents.acp.policy import Policy
from engine.agents.checks import WrongEdit

LARGEST_FILE_BYTES = 4 * 2**20
_GIT_SECONDS = 20


def read_file(policy: Policy) -> str:
    """Return the text of the editable file in the agent's worktree, its line ends unchanged.

    Raises:
        WrongEdit: The file is missing, a link, too large, or not UTF-8 text.
    """
    path = policy.editable
    if path.is_symlink() or not policy.may_write(policy.file):
        raise WrongEdit(f"{policy.file} was replaced by a link.")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise WrongEdit(f"{policy.file} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_FILE_BYTES:
        raise WrongEdit(f"{policy.file} is larger than {LARGEST_FILE_BYTES // 2**20} MiB.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongEdit(f"{policy.file} is not UTF-8 text.") from None


def strays(policy: Policy) -> list[str]:
    """Return files other than the editable one that git reports as changed or added.

    Paths are relative to the top of the worktree; empty if git cannot be run there.
    """
    listed = _git(policy.worktree, "status", "--porcelain=v1", "-z", "--no-renames", "--", ".")
    top = _git(policy.worktree, "rev-parse", "--show-toplevel").strip()
    if not top:
        return []
    names = [entry[3:] for entry in listed.split("\0") if len(entry) > 3]
    return [name for name in names if Path(top, name) != policy.editable]


def _git(directory: Path, *args: str) -> str:
    try:
        done = subprocess.run(
            # Configuration that the agent may have left there is not executed.
            ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *args],
            cwd=directory,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
