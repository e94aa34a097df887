"""Lists the errors of a machine that pass: a full disk, a limit that is reached for a while."""

from __future__ import annotations

import errno
import os

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Errors of a disk, which last until the user has made room or repaired it."""
LIMIT_ERRORS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS)
"""Errors of a machine that is busy, which pass by themselves."""
NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors with which a file system refuses to make symbolic links."""

_MESSAGES = {
    **{os.strerror(number): number for number in (*DISK_ERRORS, *LIMIT_ERRORS)},
    # As git says it in some places.
    "Out of diskspace": errno.ENOSPC,
    "disk full": errno.ENOSPC,
    "couldn't write '": errno.ENOSPC,  # the new value of a ref; git keeps the reason to itself
    "Out of memory, malloc failed": errno.ENOMEM,
}


def machine_error_in(text: str) -> int | None:
    """Return the number (`errno`) of the error that a program's message names; None if none."""
    return next((number for message, number in _MESSAGES.items() if message in text), None)
