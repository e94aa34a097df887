"""Deletes temporary files that engines, supervisors and git left behind when they were killed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine.core.layout import HOME_NAME, REF_PREFIX
from engine.git.repository import PRIVATE_PREFIX
from engine.store.durable import TEMPORARY_MARK
from engine.store.removal import delete_tree
from engine.store.workspace import Workspace
from engine.untrusted_files import read_regular

_OLD_SECONDS = 3600.0
"""Seconds after which a file that its writer renames within moments was certainly left behind."""
_LONGEST_REPORT_BYTES = 2**20
_DIRECTORIES = ("", HOME_NAME, *(f"{HOME_NAME}/*{below}" for below in ("", "/*")))
_EXPERIMENTS = (f"{HOME_NAME}/*/experiments/*", f"{HOME_NAME}/*/experiments/*/run-*")
_OF_SUPERVISORS = re.compile(r"\.(?:exit\.json|run\.log)\.\d+\.\d+")
_ASIDE = re.compile(r".+\.old-(\d+)(?:-\d+)?")
"""Matches the name of a worktree, or of bytecode, that could not be deleted; with its engine."""
_OF_GIT = ("objects/pack/tmp_pack_*", "objects/pack/tmp_idx_*", "objects/??/tmp_obj_*")

_log = logging.getLogger(__name__)


def delete_temporary_files(workspace: Workspace) -> None:
    """Delete what killed engines, supervisors and git processes left of a workspace's files.

    Only names that no other program gives are deleted, and files of git only once they are an hour
    old and while no git process works in the repository.
    """
    for path in [*_unfinished_files(workspace.path), *_of_ended_engines(workspace.path)]:
        _delete(path)
    left = [p for name in _OF_GIT for p in workspace.common_dir.glob(name) if _is_old(p)]
    reports = workspace.git.repository.git_dir.glob("fast_import_crash_*")
    left += [p for p in reports if _is_old(p) and _names_own_ref(p)]
    if left and not _git_works_in(workspace):
        for path in left:
            _delete(path)


def _unfinished_files(workspace: Path) -> Iterator[Path]:
    """Yield files that were to be renamed once they were complete."""
    for directory in (*_DIRECTORIES, *_EXPERIMENTS):
        for path in workspace.glob(f"{directory}/.*{TEMPORARY_MARK}*".lstrip("/")):
            if _is_old(path):
                yield path
    for path in workspace.glob(f"{_EXPERIMENTS[-1]}/.*"):
        if _OF_SUPERVISORS.fullmatch(path.name) and _is_old(path):
            yield path


def _of_ended_engines(workspace: Path) -> Iterator[Path]:
    """Yield files and directories whose names hold the process id of an engine that has ended."""
    for path in workspace.glob(".run.log.*"):
        pid = path.name.removeprefix(".run.log.")
        if path.is_symlink() and os.readlink(path).startswith(HOME_NAME) and _has_ended(pid):
            yield path
    for path in workspace.glob(f"{HOME_NAME}/*/worktrees/*.old-*"):
        found = _ASIDE.fullmatch(path.name)
        if found is not None and _has_ended(found[1]):
            yield path
    for path in Path(tempfile.gettempdir()).glob(f"{PRIVATE_PREFIX}*"):
        if _has_ended(path.name.removeprefix(PRIVATE_PREFIX).split("-")[0]) and _is_own(path):
            yield path


def _is_old(path: Path) -> bool:
    try:
        info = path.lstat()
    except OSError:
        return False
    return time.time() - info.st_mtime > _OLD_SECONDS


def _names_own_ref(path: Path) -> bool:
    """Return whether a crash report of `git fast-import` is about a ref of the engine."""
    with contextlib.suppress(OSError):
        return REF_PREFIX.encode() in read_regular(path, _LONGEST_REPORT_BYTES)
    return False


def _is_own(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.lstat().st_uid == os.getuid()
    return False


def _has_ended(pid: str) -> bool:
    return pid.isdecimal() and not psutil.pid_exists(int(pid))


def _git_works_in(workspace: Workspace) -> bool:
    """Return whether a git process may be at work in the repository; true where that is unknown."""
    places = (workspace.top.resolve(), workspace.common_dir.resolve())
    for process in psutil.process_iter():
        try:
            if not process.name().startswith("git"):
                continue
            current = Path(process.cwd())
            if any(current.is_relative_to(place) for place in places):
                return True
            if any(str(place) in word for place in places for word in process.cmdline()):
                return True
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            return True
    return False


def _delete(path: Path) -> None:
    try:
        delete_tree(path)
    except OSError as error:
        _log.warning("%s was left behind and cannot be deleted: %s", path, error.strerror)
    else:
        _log.info("deleted %s, which was left behind", path)
