"""Reads files that others may have written: regular files only, and only up to a size."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path, *, follow: bool = False) -> BufferedReader:
    """Open a regular file for reading, without waiting for another process.

    Args:
        path: The file. Its directories may be symbolic links.
        follow: Whether the file itself may be a symbolic link.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It is not a regular file, or cannot be read; `strerror` says why.
    """
    # O_NONBLOCK: opening a named pipe would wait for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from None
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "It is a socket or a device", str(path)) from None
        raise
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "not a regular file")
            raise OSError(errno.EINVAL, f"It is {what}", str(path))
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, at_most: int, *, follow: bool = False) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file. Its directories may be symbolic links.
        at_most: The most bytes that it may have.
        follow: Whether the file itself may be a symbolic link.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It is not a regular file, is larger, or cannot be read; `strerror` says why.
    """
    with open_regular(path, follow=follow) as file:
        data = file.read(at_most + 1)
    if len(data) > at_most:
        raise OSError(errno.EFBIG, f"It has more than {at_most:,} bytes", str(path))
    return data
