"""What a git repository still has of the commits a table names, and the diffs between them.

Commits are found by their hash alone: a message that reads like a row's description proves
nothing. Nothing is written, nothing is fetched, no hook and no driver of the repository is run.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from engine.core.errors import WorkspaceError
from engine.store.git import Git, forget_git_environment

MOST_DIFF_BYTES = 2**20
_SECONDS = 20.0
_CALM = (
    # A partial clone would ask its server for what it lacks.
    *("-c", "protocol.allow=never"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
)
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--submodule=short")


@dataclass(frozen=True)
class Commit:
    """A commit that exists."""

    hash: str
    at: datetime
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """A diff as it is shown: the patch, or why there is none."""

    patch: str = ""
    note: str = ""
    """Against what it is, or why it is not recorded."""


class Commits:
    """A repository as far as a replay looks into it.

    Args:
        directory: In the repository.

    Raises:
        WorkspaceError: It is not in one.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise WorkspaceError(
                f"There is no directory {directory}.", "", "Name the repository with --repo DIR."
            )
        forget_git_environment()
        self._git = Git(directory)
        top = self._git.try_run("rev-parse", "--git-dir")
        if top is None:
            said = self._git.complaint("rev-parse", "--git-dir")
            todo = "Name the repository with --repo DIR."
            if "dubious ownership" in said:
                todo = f"If you trust it: git config --global --add safe.directory {directory}"
            raise WorkspaceError(f"{directory} is not in a git repository.", said[:200], todo)
        self.directory = directory
        self.is_shallow = self._git.try_run("rev-parse", "--is-shallow-repository") == "true"
        self._is_ancestor = lru_cache(maxsize=4096)(self._ask_ancestor)

    def find(self, hashes: Iterable[str]) -> dict[str, Commit]:
        """Those of the hashes that name exactly one commit of the repository."""
        wanted = list(dict.fromkeys(hashes))
        if not wanted:
            return {}
        told = self._asked(wanted, "cat-file", "--batch-check=%(objectname) %(objecttype)")
        whole: dict[str, str] = {}
        for name, line in zip(wanted, told.split("\n"), strict=False):
            words = line.split(" ")
            if len(words) == 2 and words[1] == "commit" and words[0].startswith(name):
                whole[name] = words[0]
        facts = self._facts(sorted(set(whole.values())))
        return {name: facts[full] for name, full in whole.items() if full in facts}

    def _facts(self, hashes: list[str]) -> dict[str, Commit]:
        if not hashes:
            return {}
        words = ("log", "--no-walk=unsorted", "--stdin", "--no-show-signature", "--no-patch")
        told = self._asked(hashes, *words, "--format=%H %ct %P")
        found: dict[str, Commit] = {}
        for line in told.split("\n"):
            name, _, rest = line.partition(" ")
            seconds, _, parents = rest.partition(" ")
            try:
                at = datetime.fromtimestamp(int(seconds), UTC)
            except (ValueError, OverflowError, OSError):
                continue
            found[name] = Commit(name, at, tuple(parents.split()))
        return found

    def _asked(self, hashes: list[str], *words: str) -> str:
        """What git answers to these hashes, a line each; nothing where it will not."""
        with tempfile.TemporaryFile() as file:
            file.write("".join(f"{name}\n" for name in hashes).encode())
            file.seek(0)
            try:
                return self._git.run(*_CALM, *words, stdin=cast(BinaryIO, file))
            except WorkspaceError:
                return ""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` was made on top of `old`, as far as the repository knows."""
        return old == new or self._is_ancestor(old, new)

    def _ask_ancestor(self, old: str, new: str) -> bool:
        return self._git.try_run(*_CALM, "merge-base", "--is-ancestor", old, new) is not None

    def change_of(self, commit: Commit, base: Commit | None) -> Diff:
        """What a commit changed: against the best commit of its time where it was made on top of
        that, else against its own parent.
        """
        if base is not None and base.hash == commit.hash:
            return Diff(note=f"the same commit as the best before it, {commit.hash[:7]}")
        if base is not None and self.is_ancestor(base.hash, commit.hash):
            return self.between(base.hash, commit.hash)
        if not commit.parents:
            missing = self.is_shallow
            why = "its parent is missing: the clone is shallow" if missing else "it has no parent"
            return Diff(note=f"No diff: {commit.hash[:7]} is there, but {why}.")
        found = self.between(commit.parents[0], commit.hash)
        if base is None or not found.patch:
            return found
        told = f"against its own parent {commit.parents[0][:7]}: not made on {base.hash[:7]}"
        return Diff(found.patch, told)

    def between(self, old: str, new: str) -> Diff:
        """The diff from one commit to another, at most `MOST_DIFF_BYTES` of it."""
        words = ("git", *_CALM, "diff", *_PLAIN, old, new, "--")
        try:
            with subprocess.Popen(
                words,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                assert process.stdout is not None
                data = process.stdout.read(MOST_DIFF_BYTES + 1)
                cut = len(data) > MOST_DIFF_BYTES
                if cut:
                    process.kill()
                process.stdout.close()
                code = process.wait(_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Diff(note=f"git could not tell the diff: {error}")
        if code and not cut:
            return Diff(note=f"git could not tell the diff from {old[:7]} to {new[:7]}.")
        text = data[:MOST_DIFF_BYTES].decode("utf-8", "replace")
        if cut:
            return Diff(text[: text.rfind("\n") + 1], "only the first MiB of the diff is shown")
        return Diff(text, "" if text else f"{new[:7]} changes nothing against {old[:7]}.")
