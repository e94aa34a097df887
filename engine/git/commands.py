"""Runs git commands in a repository; its configuration and hooks start no program."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cached_property
from pathlib import Path
from typing import IO

from engine.core.errors import GitError
from engine.git.repository import Repository
from engine.git.start import failure, output, run_git, start_git


def create_repository(directory: Path) -> None:
    """Create a git repository with the branch `main` in a directory.

    Raises:
        WorkspaceError: Git fails.
    """
    output(run_git(("init", "--quiet", "--initial-branch=main"), directory), "init")


class Git:
    """Runs git commands in one directory, without hooks and prompts, and syncs what they write.

    Each command is a short process, so that the engine keeps no repository open.

    Args:
        directory: A directory in a checkout.
        confirmed: Whether the user confirmed the workspace, so that its filters may run.
    """

    def __init__(self, directory: Path, *, confirmed: bool = False) -> None:
        self.directory = directory
        self.confirmed = confirmed
        self._checkout: tuple[Path, Path] | None = None

    @cached_property
    def repository(self) -> Repository:
        """The repository that the directory belongs to; found at the first use.

        Raises:
            WorkspaceError: The directory is not in a checkout that can be used.
        """
        return Repository(self.directory, confirmed=self.confirmed)

    def run(
        self, *args: str, env: dict[str, str] | None = None, stdin: IO[bytes] | None = None
    ) -> str:
        """Run `git <args>`, and return its standard output without the last newline.

        Args:
            args: The command and its arguments, without `git`.
            env: Environment variables to add.
            stdin: A file to read standard input from.

        Raises:
            WorkspaceError: Git fails; the error quotes its message.
            GitBusyError: Git could not do its work at this moment.
            GitMissingError: Git is missing.
        """
        out = self._run(args, env, stdin).decode("utf-8", "surrogateescape")
        return out.removesuffix("\n")

    def _run(
        self,
        args: tuple[str, ...],
        env: dict[str, str] | None = None,
        stdin: IO[bytes] | None = None,
    ) -> bytes:
        variables = {**self._variables(), **(env or {})}
        done = run_git(args, self.directory, variables, stdin)
        if done.returncode and self.repository.remove_stale_lock(done.stderr):
            if stdin is not None:
                stdin.seek(0)
            done = run_git(args, self.directory, variables, stdin)
        return output(done, *args[:3])

    def _variables(self) -> dict[str, str]:
        repository = self.repository
        git_dir, top = self._checkout or (repository.git_dir, repository.top)
        return {
            **repository.environment(),
            "GIT_DIR": str(git_dir),
            "GIT_WORK_TREE": str(top),
        }

    def try_run(self, *args: str, env: dict[str, str] | None = None) -> str | None:
        """Run `git <args>`, and return its standard output; None if git answers with an error.

        Raises:
            WorkspaceError: The directory is not in a checkout that can be used.
            GitBusyError: Git could not do its work at this moment.
            GitMissingError: Git is missing.
        """
        try:
            return self.run(*args, env=env)
        except GitError:
            return None

    def blob(self, spec: str) -> bytes | None:
        """Return the bytes of a file named `commit:path`; None if there is no such file."""
        try:
            return self._run(("cat-file", "blob", spec))
        except GitError:
            return None

    def read(self, *args: str, most_bytes: int) -> tuple[bytes, bool]:
        """Run `git <args>`, and return the start of its output, and whether more was cut off.

        Args:
            args: The command and its arguments, without `git`.
            most_bytes: The number of bytes after which git is ended.

        Raises:
            WorkspaceError: Git fails.
        """
        quiet = subprocess.DEVNULL
        with start_git(args, self.directory, self._variables(), stderr=quiet) as process:
            assert process.stdout is not None
            data = process.stdout.read(most_bytes + 1)
            cut = len(data) > most_bytes
            if cut:
                process.kill()
        if process.returncode and not cut:
            raise failure(process.returncode, b"", *args[:3])
        return data[:most_bytes], cut

    def fast_import(self, stream: bytes) -> str:
        """Write objects and refs with `git fast-import`, and return the hash it prints.

        Args:
            stream: The command's input; it ends with `get-mark`, which prints a commit's hash.

        Raises:
            WorkspaceError: Git fails.
        """
        with tempfile.TemporaryFile() as file:
            file.write(stream)
            file.seek(0)
            return self.run("fast-import", "--quiet", "--done", "--date-format=now", stdin=file)

    def add_worktree(self, path: Path, commit: str) -> Git:
        """Add a linked worktree with the files of a commit, detached, and return its git.

        Raises:
            WorkspaceError: Git fails.
        """
        # Without GIT_COMMON_DIR, because git writes the repository's path into the new worktree.
        # Forced: git may still list a worktree of that path which is gone.
        args = ("worktree", "add", "--quiet", "--detach", "--no-checkout", "--force")
        output(run_git((*args, str(path), commit), self.repository.top), *args[:2])
        link = (path / ".git").read_text("utf-8", "surrogateescape")
        git = Git(path, confirmed=self.confirmed)
        git.__dict__["repository"] = self.repository
        git._checkout = (Path(link.removeprefix("gitdir: ").rstrip("\n")), path)
        git.run("checkout", "--quiet", "--force", "--detach", commit)
        return git

    def remove_worktree(self, path: Path) -> None:
        """Remove a linked worktree and its files; do nothing if git knows none of that path."""
        run_git(("worktree", "remove", "--force", str(path)), self.repository.top)
