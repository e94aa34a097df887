"""What a coding agent may do in its worktree: read there, and change the one editable file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_READING = frozenset({"read", "search", "think"})


class Policy:
    """Judges paths and tool calls. Paths count as what they lead to, through links and dots.

    Args:
        worktree: The directory the agent works in.
        file: The editable file, relative to it.
    """

    def __init__(self, worktree: Path, file: str) -> None:
        self.worktree = worktree.resolve()
        self.file = file
        self.editable = self.worktree / file

    def may_read(self, path: str) -> bool:
        """Whether a path lies in the worktree and is none of git's own."""
        place = self._place(path)
        if place is None or not place.is_relative_to(self.worktree):
            return False
        return ".git" not in place.relative_to(self.worktree).parts

    def may_write(self, path: str) -> bool:
        """Whether a path is the editable file, and not by way of a link."""
        return self._place(path) == self.editable

    def judge(self, kind: str | None, paths: Sequence[str]) -> str:
        """Why a tool call is refused; empty: it is allowed.

        Args:
            kind: As the protocol names it: `read`, `edit`, `execute`, …
            paths: Every file the call says that it touches.
        """
        if kind == "edit":
            strays = [path for path in paths if not self.may_write(path)]
            if paths and not strays:
                return ""
            return f"only {self.file} may be changed" + (f", not {strays[0]}" if strays else "")
        if kind in _READING:
            strays = [path for path in paths if not self.may_read(path)]
            return f"{strays[0]} lies outside the worktree" if strays else ""
        if kind == "execute":
            return "commands are not run here"
        if kind == "fetch":
            return "there is no network here"
        return "only reading files and editing one is allowed here"

    def _place(self, path: str) -> Path | None:
        try:
            return (self.worktree / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
