"""Links data into a run's worktree, hashes locked files, and collects files a run leaves behind."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import shutil
from pathlib import Path

from engine.core.config import ResearchConfig
from engine.core.layout import HOME_NAME
from engine.store.git import Git
from engine.store.workspace import Workspace


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
MAX_KEPT_BYTES = 64 * 2**20
"""The most bytes kept of the files one run leaves behind; the others are listed and deleted."""


def link_data(
    workspace: Workspace, directory: Path, config: ResearchConfig, submodules: tuple[str, ...]
) -> int:
    """Bring untracked data and the submodules' checkouts into a run's worktree.

    Files up to 64 MiB are copied; larger ones and directories are linked.

    Args:
        workspace: The workspace with the data.
        directory: The directory of the worktree that corresponds to the workspace.
        config: The config; its `link` selects the data: globs of workspace paths, or `auto`.
        submodules: Paths of submodules, relative to the top of the repository.

    Returns:
        The number of paths linked or copied: at most 500 paths of data, and all submodules.
    """
    count = 0
    for entry in link_candidates(workspace):
        name = entry.rstrip("/")
        if not _wanted(name, config.link):
            continue
        target, place = workspace.path / name, directory / name
        if count < MAX_LINKS and _bring(target, place):
            count += 1
    root = directory.parents[workspace.prefix.count("/")] if workspace.prefix else directory
    for module in submodules:
        source, place = workspace.top / module, root / module
        if not source.is_dir() or not any(source.iterdir()):
            continue
        if place.is_dir() and not place.is_symlink():
            with contextlib.suppress(OSError):
                place.rmdir()
        if _link(source, place):
            count += 1
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


def _bring(target: Path, place: Path) -> bool:
    """Copy a file of at most 64 MiB, so that no run overwrites the user's; link anything else.

    Args:
        target: The path in the workspace.
        place: Its path in the worktree, where something else may be already.

    Returns:
        Whether the copy or link is there now.
    """
    try:
        info = target.stat()
    except OSError:
        return _link(target, place)
    if not target.is_file() or info.st_size > MAX_COPY_BYTES:
        return _link(target, place)
    if place.is_symlink():
        place.unlink()
    if place.exists():
        now = place.stat()
        if (now.st_size, now.st_mtime_ns) == (info.st_size, info.st_mtime_ns):
            return True
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(target, place)
    return True


def _link(target: Path, place: Path) -> bool:
    if place.is_symlink():
        if os.readlink(place) == str(target):
            return True
        place.unlink()
    if place.exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    return True


def hash_locked(directory: Path, globs: tuple[str, ...], editable: str) -> dict[str, str]:
    """Return the SHA-256 of each locked file below a directory, by relative path.

    Args:
        directory: The directory that corresponds to the workspace.
        globs: The patterns of locked files.
        editable: The editable file, which is left out.
    """
    found: dict[str, str] = {}
    for pattern in globs:
        for path in sorted(directory.glob(pattern)):
            if path.is_file() and path != directory / editable:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[path.relative_to(directory).as_posix()] = digest
    return found


def point_run_log(workspace: Path, log: Path) -> None:
    """Point the link `run.log` in the workspace to a run's log, unless the user has such a file."""
    link = workspace / "run.log"
    if link.exists() and not link.is_symlink():
        return
    temporary = workspace / f".run.log.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(os.path.relpath(log, workspace))
    os.replace(temporary, link)


def directory_times(worktree: Path) -> dict[str, int]:
    """Return the change time in nanoseconds of each directory of a worktree, by path.

    It changes when a file in the directory is created, removed or renamed, and cannot be set.
    """
    return {top: os.stat(top).st_ctime_ns for top, _, _ in os.walk(worktree)}


def take_leftovers(
    workspace: Workspace,
    worktree: Path,
    run_directory: Path,
    links: tuple[str, ...],
    before: dict[str, int] | None = None,
) -> int:
    """Move files a run left in its worktree to the run's directory, out of reach of the next run.

    Files that git ignores, such as caches, stay, and so does the linked data. Beyond 64 MiB in all,
    a file is deleted and listed in not-kept.txt instead.

    Args:
        workspace: The workspace with the linked data.
        worktree: The worktree of the run.
        run_directory: The directory of the run's files.
        links: The config's `link`, which selects the linked data.
        before: The worktree's `directory_times` just before the run, which spare asking git where
            nothing was left; None where the run was started by another engine.

    Returns:
        The number of files moved.
    """
    if before is not None and directory_times(worktree) == before:
        return 0
    out = Git(worktree).try_run("ls-files", "--others", "--exclude-standard", "-z")
    moved = kept = 0
    for name in (out or "").split("\0"):
        source = worktree / name
        if not name or source.is_symlink() or "__pycache__" in name or not source.is_file():
            continue
        own = os.path.relpath(name, workspace.prefix or ".")
        if _wanted(own, links) and (workspace.path / own).exists():
            continue
        target = run_directory / "files" / name
        size = source.stat().st_size
        if kept + size > MAX_KEPT_BYTES:
            # Checkpoints of 1,000 runs would fill the disk overnight.
            run_directory.mkdir(parents=True, exist_ok=True)
            with open(run_directory / "not-kept.txt", "a", encoding="utf-8") as notes:
                notes.write(f"{name}\t{size} bytes\n")
            source.unlink()
            continue
        kept += size
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        moved += 1
    return moved
