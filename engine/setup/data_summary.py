"""Counts the files and bytes of the untracked data that runs get, and of what they do not get."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from pathlib import Path

import msgspec

from engine.core.config import ResearchConfig
from engine.core.data_rules import LeftOut
from engine.core.layout import Layout
from engine.store.bringing import MAX_MIRRORED
from engine.store.run_data import choose_data, is_outside, outside_link
from engine.store.workspace import Workspace

_MOST_COUNTED = 2 * MAX_MIRRORED
"""The number of files after which the paths of one group are no longer counted."""

_MOST_SINGLE = 3
"""The most untracked paths of one directory that are named one by one."""


class DataGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Untracked paths of a repository that are treated alike."""

    reason: LeftOut | None
    """Why they are left out; None for those that runs get."""
    paths: tuple[str, ...]
    """Relative to the workspace; a directory ends with a slash, many of one directory with `…`."""
    files: int
    size_bytes: int
    complete: bool
    """False where there are more files than were counted."""
    linked: tuple[str, ...] = ()
    """Directories that are linked as they are, because they hold too many files."""


def summarize_data(workspace: Workspace, config: ResearchConfig) -> tuple[DataGroup, ...]:
    """Return what runs get of the repository's untracked files, and what is left out by reason.

    Raises:
        WorkspaceError: `link` names a path that cannot be brought.
    """
    choice = choose_data(workspace, config)
    worktree = Layout(workspace.path, config.tag).worktree(0)
    for name in choice.brought:
        if is_outside(workspace, name):
            outside_link(workspace, worktree, name)
    by_reason: dict[LeftOut | None, list[str]] = {None: list(choice.brought)}
    for name, reason in choice.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    return tuple(
        _count(workspace.path, reason, by_reason[reason])
        for reason in (None, *LeftOut)
        if by_reason.get(reason)
    )


def _count(workspace: Path, reason: LeftOut | None, names: list[str]) -> DataGroup:
    files = size = 0
    shown, linked = [], []
    for name in names:
        path, before = f"{workspace}/{name}", files
        with contextlib.suppress(OSError):
            info = os.stat(path)
            if not stat.S_ISDIR(info.st_mode):
                size += info.st_size
                files += 1
                shown.append(name)
                continue
        shown.append(f"{name}/" if os.path.isdir(path) else name)
        waiting = [path]
        while waiting and files <= _MOST_COUNTED:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    files += 1
                    with contextlib.suppress(OSError):
                        size += entry.stat().st_size
        if files - before > MAX_MIRRORED:
            linked.append(name)
    return DataGroup(
        reason=reason,
        paths=_grouped(shown),
        files=files,
        size_bytes=size,
        complete=files <= _MOST_COUNTED,
        linked=tuple(linked) if reason is None else (),
    )


def _grouped(paths: list[str]) -> tuple[str, ...]:
    """Return paths with those of a directory as one, such as `data/…`, where it has many."""
    counts = Counter(os.path.dirname(path.rstrip("/")) for path in paths)
    named = []
    for path in paths:
        directory = os.path.dirname(path.rstrip("/"))
        many = directory and counts[directory] > _MOST_SINGLE
        named.append(f"{directory}/…" if many else path)
    return tuple(dict.fromkeys(named))
