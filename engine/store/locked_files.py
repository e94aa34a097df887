"""Hashes the locked files of a worktree, in which a run may have put anything in their place."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path

from engine.untrusted_files import open_regular


def hash_locked(
    directory: Path,
    globs: tuple[str, ...],
    editable: str | Collection[str],
    workspace: Path | None = None,
) -> dict[str, str]:
    """Return the SHA-256 of each locked file below a directory, by relative path.

    A link has its target before the hash, unless it leads to the user's own file of that name. What
    is neither file nor directory counts as such.

    Args:
        directory: The directory that corresponds to the workspace.
        globs: The patterns of locked files.
        editable: The editable file, or several, which are left out.
        workspace: The workspace, to whose files of the same name large data is linked.
    """
    left_out = (editable,) if isinstance(editable, str) else editable
    found: dict[str, str] = {}
    for pattern in globs:
        for path in sorted(directory.glob(pattern)):
            name = path.relative_to(directory).as_posix()
            data = workspace / name if workspace is not None else None
            if name not in left_out and (digest := _digest(path, data)):
                found[name] = digest
    return found


def _digest(path: Path, data: Path | None) -> str:
    """Return the digest of whatever bears a name; empty for a directory or nothing."""
    try:
        if path.is_symlink():
            target = os.readlink(path)
            content = _digest(path.resolve(), None)
            # Whether data is copied or linked depends on how much of it there is.
            linked = data is not None and target in (str(data), os.path.realpath(data))
            return content if linked or not content else f"link to {target} {content}"
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            return ""
        if not stat.S_ISREG(mode):
            return "not a file"
        with os.fdopen(open_regular(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except (OSError, RuntimeError) as error:
        return f"cannot be read: {type(error).__name__}"
