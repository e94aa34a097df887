"""Decides what a coding agent may do in its worktree: read all files, edit the editable ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_READING = frozenset({"read", "search", "think"})


class Policy:
    """Decides which paths and tool calls are allowed, after resolving symbolic links and dots.

    Args:
        worktree: The directory the agent works in.
        files: The editable files, relative to `worktree`.
    """

    def __init__(self, worktree: Path, *files: str) -> None:
        self.worktree = worktree.resolve()
        self.editable = {name: self.worktree / name for name in files}

    @property
    def names(self) -> str:
        """Return the names of the editable files, separated by commas."""
        return ", ".join(self.editable)

    def may_read(self, path: str) -> bool:
        """Return whether a path lies in the worktree and outside git's own files."""
        place = self._place(path)
        if place is None or not place.is_relative_to(self.worktree):
            return False
        return ".git" not in place.relative_to(self.worktree).parts

    def may_write(self, path: str) -> bool:
        """Return whether a path resolves to an editable file; false if that file is a link."""
        return self.editable_path(path) is not None

    def editable_path(self, path: str) -> Path | None:
        """Return the editable file that a path resolves to; None for any other."""
        place = self._place(path)
        return place if place in self.editable.values() else None

    def judge(self, kind: str | None, paths: Sequence[str]) -> str:
        """Return the reason to refuse a tool call; empty if it is allowed.

        Args:
            kind: The protocol's kind of the call: `read`, `edit`, `execute`, …
            paths: All files the call reports to touch.
        """
        if kind == "edit":
            strays = [path for path in paths if not self.may_write(path)]
            if paths and not strays:
                return ""
            return f"only {self.names} may be changed" + (f", not {strays[0]}" if strays else "")
        if kind in _READING:
            strays = [path for path in paths if not self.may_read(path)]
            return f"{strays[0]} lies outside the worktree" if strays else ""
        if kind == "execute":
            return "commands are not run here"
        if kind == "fetch":
            return "there is no network here"
        return "only reading files and editing those named is allowed here"

    def _place(self, path: str) -> Path | None:
        try:
            return (self.worktree / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
