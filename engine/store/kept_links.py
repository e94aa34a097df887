"""Keeps directories with many links from one worktree for the next, where a run changed none.

Some file systems (ext4) take many minutes to make a million links just after as many were deleted.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.store.removal import clear_away, delete_tree

MANY_LINKS = 5_000
"""The number of names from which a directory is kept."""

_Stamp = tuple[int, int, int]


class KeptLinks:
    """The directories with many links in the worktree of a slot, between its runs.

    Args:
        worktree: The worktree, whose path is the same for all runs of the slot.
    """

    def __init__(self, worktree: Path) -> None:
        self._store = worktree.with_suffix(".links")
        self._filled: dict[str, str] = {}
        """The directories with many links, each with the directory that its links lead to."""
        self._stamps: dict[str, _Stamp] = {}
        self._stored: dict[tuple[str, str], str] = {}
        """Where a directory was moved to, by its path and the directory that its links lead to."""

    def fill(self, directory: str, source: str, names: list[str]) -> set[str]:
        """Put a kept directory in the place of one that is to be filled.

        Args:
            directory: The directory in the worktree, with nothing of the user's data yet.
            source: The user's directory, to which the links lead.
            names: The names that it is to have beside those that it has.

        Returns:
            The names that need not be made.
        """
        if len(names) < MANY_LINKS:
            return set()
        self._filled[directory] = source
        kept = self._stored.pop((directory, source), None)
        if kept is None:
            return set()
        own = os.listdir(directory)
        for name in own:
            if os.path.lexists(f"{kept}/{name}"):
                os.unlink(f"{kept}/{name}")
            os.rename(f"{directory}/{name}", f"{kept}/{name}")
        os.rmdir(directory)
        os.rename(kept, directory)
        present = set(os.listdir(directory)) - set(own)
        for name in present.difference(names):
            os.unlink(f"{directory}/{name}")
        return present.intersection(names)

    def record(self) -> None:
        """Record the state of the directories with many links, just before a run starts."""
        stamps = ((directory, _stamp(directory)) for directory in self._filled)
        self._stamps = {directory: stamp for directory, stamp in stamps if stamp is not None}

    def save(self) -> None:
        """Move the directories in which the last run changed no name out of its worktree.

        Only links stay in them. Call it before the worktree is deleted.
        """
        clear_away(self._store)
        self._stored = {}
        unchanged = [d for d, stamp in self._stamps.items() if _stamp(d) == stamp]
        # A directory is moved before the one that it is in.
        for directory in sorted(unchanged, reverse=True):
            try:
                self._store.mkdir(exist_ok=True)
                kept = f"{self._store}/{len(self._stored)}"
                os.rename(directory, kept)
                with os.scandir(kept) as entries:
                    others = [entry.path for entry in entries if not entry.is_symlink()]
                for path in others:
                    delete_tree(Path(path))
            except OSError:
                continue  # what is not kept is made again
            self._stored[directory, self._filled[directory]] = kept
        self._stamps, self._filled = {}, {}


def _stamp(directory: str) -> _Stamp | None:
    """Return what identifies a directory, and when a name in it was changed last."""
    try:
        info = os.stat(directory, follow_symlinks=False)
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_ctime_ns
