"""Brings files of the user into a worktree: small ones as copies, others as links."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable

from engine.core.errors import EnvironmentProblem
from engine.core.machine_errors import NO_LINKS
from engine.store.kept_links import KeptLinks

MAX_COPY_BYTES = 64 * 2**20
"""The size up to which a file is copied."""
MAX_COPIED_BYTES = 2**30
"""The most bytes copied for one run; further files are linked, however small."""
MAX_COPIES = 2_000
"""The most files copied for one run."""
MAX_MIRRORED = 100_000
"""The most files in untracked directories that are made again; a larger directory is one link."""
_SKIPPED = (".git", "__pycache__")
_FICLONE = 0x40049409
"""The request of ioctl(2) that makes a file share the blocks of another until one is changed."""


class Bringer:
    """Brings the user's files into the worktree of one run, within limits for all of them.

    A directory is made again, with a copy of or a link to each of its files, so that what a run
    adds to it is neither in the user's directory nor there for later runs.

    Args:
        kept: Directories with many links that an earlier run of the slot left unchanged.
    """

    def __init__(self, kept: KeptLinks | None = None) -> None:
        self._kept = kept
        self._bytes_left = MAX_COPIED_BYTES
        self._copies_left = MAX_COPIES
        self._mirrored_left = MAX_MIRRORED

    def fill(
        self,
        source: str,
        target: str,
        names: list[str],
        bring: Callable[[str, str], None] | None = None,
    ) -> int:
        """Bring entries of a directory to a directory of the worktree, where they are not there.

        Args:
            source: The absolute path of the user's directory.
            target: The directory in the worktree.
            names: The names of the entries.
            bring: Brings one entry; by default files, directories and links.

        Returns:
            The number of entries brought.

        Raises:
            EnvironmentProblem: One can be neither linked nor copied.
        """
        ready = self._kept.fill(target, source, names) if self._kept is not None else set()
        bring, count = bring or self.bring, len(ready)
        for name in names:
            if name in ready:
                continue
            try:
                bring(f"{source}/{name}", f"{target}/{name}")
            except FileExistsError:
                continue
            count += 1
        return count

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
        self._mirrored_left -= sum(len(names) + 1 for names in found.values())
        for directory, names in found.items():
            os.mkdir(f"{target}{directory}")
            self.fill(f"{source}{directory}", f"{target}{directory}", names, self.bring_file)

    def _link(self, source: str, target: str) -> None:
        try:
            os.symlink(source, target)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _place_without_symlink(source, target, error)


def _listed(top: str, limit: int) -> dict[str, list[str]] | None:
    """Return the names of entries that are not directories, by directory, parents first.

    Args:
        top: A directory; it is "" itself, and a directory in it begins with a slash.
        limit: The most entries.

    Returns:
        None where there are more entries, or a directory cannot be read.
    """
    found: dict[str, list[str]] = {}
    waiting, count = [""], 0
    try:
        while waiting:
            directory = waiting.pop()
            names = found[directory] = list[str]()
            with os.scandir(f"{top}{directory}") as entries:
                for entry in entries:
                    if entry.name in _SKIPPED:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{directory}/{entry.name}")
                    else:
                        names.append(entry.name)
                    count += 1
                    if count > limit:
                        return None
    except OSError:
        return None
    return found


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
