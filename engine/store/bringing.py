"""Brings files of the user into a worktree: small ones as copies, others as links."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil

from engine.core.errors import EnvironmentProblem

MAX_COPY_BYTES = 64 * 2**20
"""The size up to which a file is copied."""
MAX_COPIED_BYTES = 2**30
"""The most bytes copied for one run; further files are linked, however small."""
MAX_COPIES = 2_000
"""The most files copied for one run."""
MAX_MIRRORED = 100_000
"""The most files in untracked directories that are made again; a larger directory is one link."""
NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors with which a file system refuses to make symbolic links."""
_SKIPPED = (".git", "__pycache__")
_FICLONE = 0x40049409
"""The request of ioctl(2) that makes a file share the blocks of another until one is changed."""


class Bringer:
    """Brings the user's files into the worktree of one run, within limits for all of them.

    A directory is made again, with a copy of or a link to each of its files, so that what a run
    adds to it is neither in the user's directory nor there for later runs.
    """

    def __init__(self) -> None:
        self._bytes_left = MAX_COPIED_BYTES
        self._copies_left = MAX_COPIES
        self._mirrored_left = MAX_MIRRORED

    def bring(self, source: str, target: str) -> None:
        """Bring a file, a directory or a link to a path where nothing is.

        Args:
            source: The absolute path in the user's checkout.
            target: The path in the worktree.

        Raises:
            FileExistsError: There is something at the target.
            EnvironmentProblem: It can be neither linked nor copied.
        """
        if os.path.isdir(source):
            self._bring_directory(os.path.realpath(source), target)
        else:
            self.bring_file(source, target)

    def bring_file(self, source: str, target: str) -> None:
        """Bring one file as a copy where it is small, else as a link; a link is linked.

        Raises:
            FileExistsError: There is something at the target.
            EnvironmentProblem: It can be neither linked nor copied.
        """
        if self._copies_left and os.path.isfile(source):
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, "Exists already", target)
            if self._copy(source, target):
                return
        self._link(source, target)

    def _copy(self, source: str, target: str) -> bool:
        """Copy a file within the limits; return False where it is too large or cannot be copied."""
        try:
            size = os.path.getsize(source)
            if size <= min(MAX_COPY_BYTES, self._bytes_left):
                shutil.copy2(source, target)
                self._bytes_left -= size
            else:
                _share_blocks(source, target)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            return False
        self._copies_left -= 1
        return True

    def _bring_directory(self, source: str, target: str) -> None:
        found = _listed(source, self._mirrored_left)
        if found is None:
            self._link(source, target)
            return
        directories, files = found
        self._mirrored_left -= len(directories) + len(files)
        os.mkdir(target)
        for name in directories:
            os.mkdir(f"{target}/{name}")
        for name in files:
            self.bring_file(f"{source}/{name}", f"{target}/{name}")

    def _link(self, source: str, target: str) -> None:
        try:
            os.symlink(source, target)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _place_without_symlink(source, target, error)


def _listed(top: str, limit: int) -> tuple[list[str], list[str]] | None:
    """Return the paths of all directories and other entries below a directory, parents first.

    Returns:
        None where there are more than `limit`, or a directory cannot be read.
    """
    directories: list[str] = []
    files: list[str] = []
    waiting = [""]
    try:
        while waiting:
            lead = waiting.pop()
            with os.scandir(f"{top}/{lead}") as entries:
                for entry in entries:
                    if entry.name in _SKIPPED:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(f"{lead}{entry.name}")
                        waiting.append(f"{lead}{entry.name}/")
                    else:
                        files.append(f"{lead}{entry.name}")
                    if len(files) + len(directories) > limit:
                        return None
    except OSError:
        return None
    return directories, files


def _share_blocks(source: str, target: str) -> None:
    """Make a copy that shares its blocks with a file, on a file system that can.

    Raises:
        OSError: The file system cannot.
    """
    with open(source, "rb") as read, open(target, "wb") as written:
        fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
    shutil.copystat(source, target)


def _place_without_symlink(source: str, target: str, refusal: OSError) -> None:
    """Bring a file or directory to a file system without symbolic links, as a hard link or a copy.

    Raises:
        EnvironmentProblem: Neither can be made.
    """
    if os.path.isdir(source):
        shutil.copytree(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        try:
            shutil.copy2(source, target)
        except OSError as error:
            raise EnvironmentProblem(
                f"{source} cannot be brought to the run.",
                f"Links are refused ({refusal.strerror}), and a copy fails ({error.strerror}).",
                "Free some disk space, or move the workspace to a file system with links.",
            ) from error
