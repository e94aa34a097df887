"""Walks and deletes a directory of the engine's, whatever a run left in it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path


def walk(top: Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield the top and each directory below it, with its entries that are not directories.

    Symbolic links are not followed. A directory without permissions gets them back; one that cannot
    be read all the same has no entries. Unlike `os.walk`, this does not recurse: a run may have
    nested thousands of directories.
    """
    waiting = [str(top)]
    while waiting:
        directory, others = waiting.pop(), []
        with contextlib.suppress(OSError):
            if os.stat(directory).st_mode & stat.S_IRWXU != stat.S_IRWXU:
                os.chmod(directory, stat.S_IRWXU)
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        others.append(entry)
        yield directory, others


def delete_tree(path: Path) -> None:
    """Delete a directory with all its files, also write-protected ones, or a single file or link.

    Symbolic links are not followed. Nothing happens where there is nothing.

    Raises:
        OSError: Something in it belongs to another user, or its directories are nested too deeply.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for _ in walk(path):  # gives permissions back
        pass
    try:
        shutil.rmtree(path)
    except RecursionError:
        raise OSError(errno.ELOOP, "Too many nested directories", str(path)) from None


def clear_away(path: Path) -> Path | None:
    """Delete a directory, a file or a link as `delete_tree` does, or rename it to free its name.

    Returns:
        The new name of what could not be deleted; None where nothing is left.

    Raises:
        OSError: It can be neither deleted nor renamed.
    """
    try:
        delete_tree(path)
    except OSError:
        aside = _free_name(path)
        path.rename(aside)
        return aside
    return None


def _free_name(path: Path) -> Path:
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.old-{os.getpid()}-{number}")):
        number += 1
    return aside
