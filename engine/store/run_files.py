"""Links data into a run's worktree, and collects the files that a run leaves behind."""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import os
import shutil
from pathlib import Path

from engine.core.config import ResearchConfig
from engine.core.layout import HOME_NAME
from engine.store.removal import walk
from engine.store.workspace import Workspace
from engine.untrusted_files import set_aside

_log = logging.getLogger(__name__)


def link_candidates(workspace: Workspace) -> list[str]:
    """Return the workspace's untracked and ignored paths, which `link_data` selects from.

    A wholly untracked directory is one path, with a final `/`.
    """
    out = workspace.git.run("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    return [entry for entry in out.split("\0") if entry]


_NEVER_LINKED = (
    ".*",
    "__pycache__",
    "*.pyc",
    "*.egg-info",
    "venv",
    "env",
    "node_modules",
    "results.tsv",
    "results-*.tsv",
    "run.log",
    "*.log",
    "nohup.out",
    "worktrees",
    "build",
    "dist",
    "wandb",
    "id_rsa*",
    "*.pem",
    "*.key",
    "*secret*",
    # Written by runs: through a link they would overwrite the user's own.
    "*.pt",
    "*.pth",
    "*.ckpt",
    "*.safetensors",
    "checkpoint*",
    "ckpt*",
    "out",
    "output",
    "outputs",
    "runs",
    "logs",
    "lightning_logs",
    "mlruns",
    "*.egg",
    "*.tmp",
    "*.png",
    "*.svg",
    "*.ipynb",
    "*credential*",
)
MAX_LINKS = 500
MAX_COPY_BYTES = 64 * 2**20
MAX_COPIED_BYTES = 2**30
"""The most bytes copied for one run; further files are linked, however small."""
MAX_KEPT_BYTES = 64 * 2**20
"""The most bytes kept of the files one run leaves behind; the others are listed and deleted."""


def link_data(
    workspace: Workspace, directory: Path, config: ResearchConfig, submodules: tuple[str, ...]
) -> int:
    """Bring untracked data and the submodules' checkouts into a run's worktree.

    Files up to 64 MiB are copied, until they are 1 GiB together; larger ones and directories are
    linked. What the commit has itself is left as it is.

    Args:
        workspace: The workspace with the data.
        directory: The directory that corresponds to the workspace, in a worktree just made.
        config: The config; its `link` selects the data: globs of workspace paths, or `auto`.
        submodules: Paths of submodules, relative to the top of the repository.

    Returns:
        The number of paths linked or copied: at most 500 paths of data, and all submodules.
    """
    count, room = 0, MAX_COPIED_BYTES
    for entry in link_candidates(workspace):
        name = entry.rstrip("/")
        if count == MAX_LINKS or not _wanted(name, config.link):
            continue
        target, place = workspace.path / name, directory / name
        if _is_free(place, directory):
            count += 1
            room -= _bring(target, place, min(MAX_COPY_BYTES, room))
    root = directory.parents[workspace.prefix.count("/")] if workspace.prefix else directory
    for module in submodules:
        source, place = workspace.top / module, root / module
        if not source.is_dir() or not any(source.iterdir()):
            continue
        with contextlib.suppress(OSError):
            place.rmdir()  # git makes an empty directory for a submodule
        if _is_free(place, root):
            count += 1
            place.symlink_to(source)
    return count


def _wanted(name: str, rules: tuple[str, ...]) -> bool:
    parts = name.split("/")
    if parts[0] == HOME_NAME or ".git" in parts:
        return False
    for rule in rules:
        if rule != "auto":
            if fnmatch.fnmatchcase(name, rule.rstrip("/")):
                return True
        elif not any(fnmatch.fnmatchcase(part, bad) for part in parts for bad in _NEVER_LINKED):
            return True
    return False


def _is_free(place: Path, root: Path) -> bool:
    """Return whether the commit has nothing at a path, and no link that leads out of `root`.

    Directories above the path are created.
    """
    if os.path.lexists(place) or not place.parent.resolve().is_relative_to(root.resolve()):
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    return True


def _bring(target: Path, place: Path, most_bytes: int) -> int:
    """Copy a small file, so that no run overwrites the user's; link anything else.

    Args:
        target: The path in the workspace.
        place: Its path in the worktree, where nothing is yet.
        most_bytes: The size up to which a file is copied.

    Returns:
        The number of bytes copied.
    """
    with contextlib.suppress(OSError):
        if target.is_file() and target.stat().st_size <= most_bytes:
            shutil.copy2(target, place)
            return place.stat().st_size
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return 0


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
    links: tuple[str, ...],
    before: dict[str, int] | None = None,
) -> int:
    """Move files a run left in its worktree to the run's directory; the worktree is deleted later.

    Files that are ignored in the user's checkout, such as caches, and links are left behind, and so
    is the linked data. Beyond 64 MiB in all, a file is listed in not-kept.txt instead.

    Args:
        workspace: The workspace with the linked data.
        worktree: The worktree of the run.
        commit: The commit that was checked out in it.
        run_directory: The directory of the run's files.
        links: The config's `link`, which selects the linked data.
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
    for name in _left_files(workspace, worktree, commit, links):
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


def _left_files(
    workspace: Workspace, worktree: Path, commit: str, links: tuple[str, ...]
) -> list[str]:
    """Return the files that a run left in its worktree and that are worth keeping.

    Git is asked about their names only, and looks at the user's checkout: the run may have written
    a git directory or a pipe called `.gitignore` to the worktree.
    """
    # Where git fails, the files of the commit are kept too.
    listing = workspace.git.try_run("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
    tracked, left = set((listing or "").split("\0")), {}
    for _, entries in walk(worktree):
        for entry in entries:
            name = os.path.relpath(entry.path, worktree)
            parts = name.split("/")
            if name in tracked or ".git" in parts or "__pycache__" in parts:
                continue
            own = os.path.relpath(name, workspace.prefix or ".")
            brought = _wanted(own, links) and (workspace.path / own).exists()
            if entry.is_file(follow_symlinks=False) and not brought:
                left[own] = name
    ignored = workspace.ignored(list(left)) if left else set()
    return sorted(name for own, name in left.items() if own not in ignored)
