"""Writes files so that they survive a power cut: under another name, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from engine.core.layout import HOME_NAME

TEMPORARY_MARK = ".autoresearch-"
"""The part of a temporary file's name between the name that it will get and random letters."""
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES)
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def write_durably(
    path: Path, data: bytes | str, *, replace: bool = True, private: bool = False
) -> None:
    """Write a whole file atomically; its content and its name are on the disk on return.

    A file that is replaced keeps its permissions, unless it is to be private.

    Args:
        path: The file to write.
        data: Its content; lone surrogates of a text become the bytes they stand for.
        replace: Whether a file of that name is replaced.
        private: Whether only the user may read and write the file, as all below `.autoresearch`.

    Raises:
        FileExistsError: There is a file of that name, and `replace` is false.
        OSError: The disk is full, read-only, or the directory is missing.
    """
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    _write(path, raw, replace=replace, private=private, sync=True)
    sync_directory(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file atomically, but leave it to the system when it reaches the disk.

    For files that can be made again: a power cut may leave the file empty, or as it was.

    Raises:
        OSError: The disk is full, read-only, or the directory is missing.
    """
    _write(path, data, replace=True, private=False, sync=False)


def _write(path: Path, raw: bytes, *, replace: bool, private: bool, sync: bool) -> None:
    import tempfile  # commands that only read do not need it

    mode = 0o600 if private or HOME_NAME in path.parts else _mode_of(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}{TEMPORARY_MARK}")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if sync:
                os.fsync(file.fileno())
        if replace:
            os.replace(name, path)
        else:
            _take_name(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _take_name(temporary: str, path: Path) -> None:
    """Rename a file to a new name.

    Raises:
        FileExistsError: There is a file of that name already.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A file system without hard links: the name cannot be taken atomically there.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


def keep_aside(path: Path, name: str) -> Path | None:
    """Keep a file that is about to be replaced under a second name beside it.

    Args:
        path: The file.
        name: The beginning of the second name; a hyphen and a number are added.

    Returns:
        The file's second name; None where there is no such file.

    Raises:
        OSError: The second name cannot be made.
    """
    if not os.path.lexists(path):
        return None
    number = 1
    while os.path.lexists(aside := path.parent / f"{name}-{number}"):
        number += 1
    if path.is_file() and not path.is_symlink():
        try:
            os.link(path, aside)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            write_durably(aside, path.read_bytes())
    else:
        os.rename(path, aside)
    return aside


def _mode_of(path: Path) -> int:
    """Return the permissions of a file, or those of a new file under the process's umask."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def sync_directory(path: Path) -> None:
    """Sync a directory, so that new names and renames in it survive a power cut.

    Nothing happens on a file system that cannot do so.

    Raises:
        OSError: The disk fails, or there is no such directory.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
