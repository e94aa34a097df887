"""Reads the conflicts of a cherry-pick: files, lines, and the versions of both sides."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.core.errors import AutoresearchError
from engine.git.commands import Git

_MOST_FILES = 20
_MOST_HUNKS = 8
_MOST_LINES = 40
_REASONS = {
    "DD": "both deleted it",
    "AU": "only one side has it",
    "UD": "changed on the base branch, deleted by the commit",
    "UA": "only one side has it",
    "DU": "deleted or renamed on the base branch, changed by the commit",
    "AA": "both added it, differently",
    "UU": "both changed the same lines",
}


class Hunk(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a file that the base branch and the commit changed differently.

    Each version is cut after 40 lines.
    """

    line: int
    """First line in the base branch's version of the file, counted from 1."""
    there: str
    """The lines as they are on the base branch."""
    before: str
    """The lines as they were before the commit, on the session's branch."""
    wanted: str
    """The lines as the commit would change them."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the commit that conflicts with the base branch."""

    file: str
    reason: str
    hunks: tuple[Hunk, ...] = ()
    left_out: int = 0
    """Number of further hunks that are not listed."""


class ConflictError(AutoresearchError):
    """Raised when a commit conflicts with the base branch; no branch was created.

    Args:
        commit: Hash of the commit that conflicts.
        experiment: Number of its experiment; 0: it is not a commit of the engine.
        onto: The name of the base branch.
        conflicts: The conflicts by file.
        todo: What the user can do, as a sentence.
    """

    def __init__(
        self,
        commit: str,
        experiment: int,
        onto: str,
        conflicts: tuple[Conflict, ...],
        todo: str,
    ) -> None:
        name = f"#{experiment}" if experiment else f"Commit {commit[:7]}"
        where = ", ".join(
            f"{c.file} line {c.hunks[0].line}" if c.hunks else c.file for c in conflicts[:3]
        )
        super().__init__(
            f"{name} does not fit onto {onto} ({where}); no branch was created.",
            f"{conflicts[0].reason.capitalize()}." if conflicts else "",
            todo,
        )
        self.commit = commit
        self.experiment = experiment
        self.conflicts = conflicts


def read_conflicts(git: Git) -> tuple[Conflict, ...]:
    """Return the conflicts that a cherry-pick left in a worktree, of at most 20 files."""
    top = Path(git.run("rev-parse", "--show-toplevel"))
    out = git.run("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames")
    found: list[Conflict] = []
    for entry in out.split("\0"):
        if entry[:2] in _REASONS and len(found) < _MOST_FILES:
            hunks, more = _hunks(top / entry[3:]) if entry[:2] in ("UU", "AA") else ((), 0)
            reason = _REASONS[entry[:2]]
            if entry[:2] == "UU" and not hunks:
                reason = "both changed it, and it is not text"
            found.append(Conflict(file=entry[3:], reason=reason, hunks=hunks, left_out=more))
    return tuple(found)


def _hunks(path: Path) -> tuple[tuple[Hunk, ...], int]:
    """Return a file's conflicts between git's `diff3` markers, and how many more there are.

    At most 8 are returned; none if the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return (), 0
    hunks: list[Hunk] = []
    parts: dict[str, list[str]] = {}
    part, line, start = "", 1, 1
    for row in text.split("\n"):
        marker = row[:7]
        if not part and marker == "<" * 7:
            part, parts, start = "there", {"there": [], "before": [], "wanted": []}, line
        elif part == "there" and marker == "|" * 7:
            part = "before"
        elif part in ("there", "before") and marker == "=" * 7:
            part = "wanted"
        elif part == "wanted" and marker == ">" * 7:
            hunks.append(Hunk(line=start, **{k: _cut(v) for k, v in parts.items()}))
            part = ""
        elif part:
            parts[part].append(row)
            line += part == "there"
        else:
            line += 1
    return tuple(hunks[:_MOST_HUNKS]), max(0, len(hunks) - _MOST_HUNKS)


def _cut(lines: list[str]) -> str:
    more = [f"… {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])
