"""Finds the user's data among the paths that a run opened, by their place in the checkout."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from engine.core.input_rules import is_data, is_watched_directory
from engine.executors.input_trace import InputTrace
from engine.store.input_files import list_files


@dataclass(frozen=True)
class InputPaths:
    """Translates paths that runs opened into those of the user's own files, and chooses the data.

    What is part of the commit of a run is not data: it is the same in each run, or the edit.
    """

    checkout: str
    """The real path of the top of the user's checkout."""
    worktree: str
    """The real path of the top of the run's worktree."""
    session: str
    """The real path of the session's directory, which the worktree lies in."""
    home: str
    tracked: Collection[str]
    """The files that git tracks, relative to the top."""
    own: Collection[str]
    """Paths of files of the engine in the checkout, such as the results table."""

    def files(self, trace: InputTrace, started_ns: int) -> list[str]:
        """Return the data files that a run read, at their places outside its worktree.

        Files that the run wrote, or that were changed since it started, are left out.

        Args:
            trace: What the run opened.
            started_ns: When the run started, in nanoseconds since 1970.
        """
        found = dict.fromkeys(filter(None, map(self._file, trace.read)))
        wrote = {self.translate(path) for path in trace.wrote}
        return [path for path in found if path not in wrote and _is_older_file(path, started_ns)]

    def directories(self, trace: InputTrace) -> list[str]:
        """Return the directories of which all files count, because the run listed them.

        Directories that the run wrote to, or that hold files of the commit, are left out.
        """
        wrote = {os.path.dirname(self.translate(path)) for path in trace.wrote}
        with_code = {os.path.join(self.checkout, os.path.dirname(name)) for name in self.tracked}
        found = dict.fromkeys(os.path.normpath(self.translate(path)) for path in trace.listed)
        return [
            path
            for path in found
            if path not in wrote
            and path not in with_code
            and is_watched_directory(path, self.home, self.checkout)
            and os.path.isdir(path)
        ]

    def files_below(self, path: str) -> list[str]:
        """Return the data files at a path of the checkout: that file, or all below a directory."""
        if os.path.isfile(path):
            return [path] if is_data(path) else []
        return [f for top, _, _ in os.walk(path) for f in list_files(top)]

    def translate(self, path: str) -> str:
        """Return the path in the checkout, or outside it, for one that a run used."""
        if not path.startswith(self.session + os.sep):
            return path
        below = os.path.relpath(path, self.worktree)
        return os.path.normpath(os.path.join(self.checkout, below))

    def _file(self, path: str) -> str:
        """Return the data file that a run read by a path; empty where it is none."""
        place = self.translate(path)
        if place != path and os.path.relpath(path, self.worktree) in self.tracked:
            return ""
        return place if is_data(place) and place not in self.own else ""


def _is_older_file(path: str, started_ns: int) -> bool:
    try:
        return os.path.isfile(path) and os.stat(path).st_mtime_ns < started_ns
    except (OSError, ValueError):
        return False
