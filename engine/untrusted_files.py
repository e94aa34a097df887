"""Reads files that others can write, without waiting for one or following a link.

A run or a cloned repository may have a pipe, a device, a link or a huge file in the place of any.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def open_regular(path: Path, *, follow: bool = False) -> int:
    """Open a regular file for reading, and return its descriptor.

    Opening it does not block.

    Args:
        path: The file.
        follow: Whether the last part of the path may be a link.

    Raises:
        OSError: There is no such file, or it is a link, a pipe, a directory or a device.
    """
    try:
        descriptor = os.open(path, _READ & ~os.O_NOFOLLOW if follow else _READ)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "Not a regular file but a link", str(path)) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def open_regular_below(directory: Path, name: str) -> int:
    """Open a regular file by its path below a directory for reading, and return its descriptor.

    No part of the path below the directory may be a link.

    Args:
        directory: The directory.
        name: The file's path, relative to it and without `..`.

    Raises:
        OSError: There is no such file, or it is a directory or device, or has a link in its path.
    """
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *folders, last = [part for part in name.split("/") if part not in ("", ".")]
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(folder, flags, dir_fd=parent)
            os.close(parent)
            parent = below
        descriptor = os.open(last, _READ, dir_fd=parent)
    except ValueError:
        raise OSError(errno.EINVAL, "Not the path of a file", name) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(error.errno, "A link, or below a link", name) from None
        raise
    finally:
        os.close(parent)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", name)


def read_regular(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """Return the content of a regular file that is not larger than a limit.

    Args:
        path: The file.
        limit: The most bytes that the file may have.
        follow: Whether the last part of the path may be a link.

    Raises:
        OSError: There is no such file, or it is larger, a link, a pipe, a directory or a device.
    """
    descriptor = open_regular(path, follow=follow)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit:,} bytes", str(path))
    return data


def write_new(path: Path, text: str) -> None:
    """Write a text file in the place of any other, without opening what is there.

    A directory in its place is kept under another name.

    Raises:
        OSError: The file cannot be written.
    """
    set_aside(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def set_aside(path: Path) -> None:
    """Free a name: delete a file, link or pipe of that name, and rename a directory.

    Raises:
        OSError: The name cannot be freed.
    """
    if path.is_dir() and not path.is_symlink():
        number = 1
        while os.path.lexists(aside := path.with_name(f"{path.name}.old-{number}")):
            number += 1
        path.rename(aside)
    else:
        path.unlink(missing_ok=True)


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file; "" where there is none, or one of more bytes."""
    try:
        return read_regular(path, limit, follow=True).decode("utf-8", "replace")
    except OSError:
        return ""


def open_private(path: str | Path, flags: int) -> int:
    """Open a file of the engine that only the user may read; usable as the `opener` of `open`.

    Raises:
        OSError: It cannot be opened, or is a symbolic link.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    make_private(descriptor)
    return descriptor


def make_private(descriptor: int) -> None:
    """Take the permissions of group and others from an open file, which earlier versions gave."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & 0o077:
        with contextlib.suppress(OSError):  # a file system without permissions
            os.fchmod(descriptor, mode & 0o700)
