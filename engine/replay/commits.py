"""Looks up the commits that a table names in a git repository, and diffs between them.

Commits are found by hash alone, never by message. Nothing is written or fetched, and no hook or
driver of the repository is run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from engine.core.errors import NoRepositoryError, WorkspaceError
from engine.core.patches.file_order import RECORDS, records_last
from engine.git.commands import Git

MOST_DIFF_BYTES = 2**20
_DIFF_OPTIONS = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
)


@dataclass(frozen=True)
class Commit:
    """A commit in a git repository: full hash, commit time and hashes of the parents."""

    hash: str
    at: datetime
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """A unified diff to show the user, or a note on why there is none."""

    patch: str = ""
    note: str = ""
    """What the diff is against if not as usual, or why there is none; empty: nothing to say."""


class Commits:
    """Reads commits and diffs from a git repository; never writes or fetches.

    Args:
        directory: A directory in the repository.

    Raises:
        WorkspaceError: The directory is not in a repository.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise WorkspaceError(
                f"There is no directory {directory}.", "", "Name the repository with --repo DIR."
            )
        self._git = Git(directory)
        try:
            self.is_shallow = self._git.run("rev-parse", "--is-shallow-repository") == "true"
        except NoRepositoryError as error:
            raise NoRepositoryError(
                error.what, "", "Name the repository with --repo DIR."
            ) from error
        self.directory = directory
        self._is_ancestor = lru_cache(maxsize=4096)(self._query_ancestor)

    def find(self, hashes: Iterable[str]) -> dict[str, Commit]:
        """Return the existing commits by the hash given for them; ambiguous hashes are left out."""
        wanted = list(dict.fromkeys(hashes))
        if not wanted:
            return {}
        answer = self._query(wanted, "cat-file", "--batch-check=%(objectname) %(objecttype)")
        full: dict[str, str] = {}
        for name, line in zip(wanted, answer.split("\n"), strict=False):
            fields = line.split(" ")
            if len(fields) == 2 and fields[1] == "commit" and fields[0].startswith(name):
                full[name] = fields[0]
        facts = self._facts(sorted(set(full.values())))
        return {name: facts[hash_] for name, hash_ in full.items() if hash_ in facts}

    def _facts(self, hashes: list[str]) -> dict[str, Commit]:
        if not hashes:
            return {}
        options = ("log", "--no-walk=unsorted", "--stdin", "--no-show-signature", "--no-patch")
        answer = self._query(hashes, *options, "--format=%H %ct %P")
        found: dict[str, Commit] = {}
        for line in answer.split("\n"):
            name, _, rest = line.partition(" ")
            seconds, _, parents = rest.partition(" ")
            try:
                at = datetime.fromtimestamp(int(seconds), UTC)
            except (ValueError, OverflowError, OSError):
                continue
            found[name] = Commit(name, at, tuple(parents.split()))
        return found

    def _query(self, hashes: list[str], *arguments: str) -> str:
        """Return the output of a git command that gets hashes on standard input; empty on error."""
        with tempfile.TemporaryFile() as file:
            file.write("".join(f"{name}\n" for name in hashes).encode())
            file.seek(0)
            try:
                return self._git.run(*arguments, stdin=file)
            except WorkspaceError:
                return ""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Return whether `old` is `new` or an ancestor of it."""
        return old == new or self._is_ancestor(old, new)

    def _query_ancestor(self, old: str, new: str) -> bool:
        return self._git.try_run("merge-base", "--is-ancestor", old, new) is not None

    def change_of(self, commit: Commit, base: Commit | None) -> Diff:
        """Return the diff of what a commit changed.

        Args:
            commit: The commit.
            base: The best commit of its time. The diff is against it if the commit descends from
                it, else against the commit's own parent. None if there was no best yet.
        """
        if base is not None and base.hash == commit.hash:
            return Diff(note=f"the same commit as the best before it, {commit.hash[:7]}")
        if base is not None and self.is_ancestor(base.hash, commit.hash):
            return self.between(base.hash, commit.hash)
        if not commit.parents:
            missing = self.is_shallow
            why = "its parent is missing: the clone is shallow" if missing else "it has no parent"
            return Diff(note=f"No diff: {commit.hash[:7]} exists, but {why}.")
        found = self.between(commit.parents[0], commit.hash)
        if base is None or not found.patch:
            return found
        note = f"against its own parent {commit.parents[0][:7]}: not based on {base.hash[:7]}"
        return Diff(found.patch, note)

    def between(self, old: str, new: str) -> Diff:
        """Return the diff from one commit to another, cut after `MOST_DIFF_BYTES`. Runs git."""
        command = ("diff", *_DIFF_OPTIONS, old, new, "--", ":/")
        try:
            data, cut = self._git.read(*command, most_bytes=MOST_DIFF_BYTES)
            if cut:
                return self._first_part(command, data)
        except WorkspaceError:
            return Diff(note=f"git could not compute the diff from {old[:7]} to {new[:7]}.")
        text = records_last(data.decode("utf-8", "replace"))
        return Diff(text, "" if text else f"{new[:7]} changes nothing against {old[:7]}.")

    def _first_part(self, command: Sequence[str], data: bytes) -> Diff:
        """Return the beginning of a long diff, without tables and logs if it changes other files.

        Args:
            command: The git command that computes the diff.
            data: The first `MOST_DIFF_BYTES` of its output.
        """
        others = [f":(top,exclude){pattern}" for pattern in RECORDS]
        rest, cut = self._git.read(*command, *others, most_bytes=MOST_DIFF_BYTES)
        if rest and not cut:
            note = "tables and logs, which changed as well, are left out"
            return Diff(rest.decode("utf-8", "replace"), note)
        text = (rest or data).decode("utf-8", "replace")
        return Diff(text[: text.rfind("\n") + 1], "only the first MiB of the diff is shown")
