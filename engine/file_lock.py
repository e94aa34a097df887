"""Locks a file or a directory for one process, until that process closes it or ends."""

from __future__ import annotations

import errno
import fcntl

_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)


def try_lock(descriptor: int) -> bool:
    """Lock a file or directory for this process; return False where another one has locked it.

    Where the file system has no locks, nothing is locked and the result is True.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True
