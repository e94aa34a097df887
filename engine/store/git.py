"""Runs each git command as a short process, so that the engine keeps no repository open.

Of GitPython only the part that runs commands is used: its object database would keep pack files
mapped and `cat-file` processes running.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from engine.core.errors import WorkspaceError

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}

_SETTINGS = (
    # The user's hooks are meant for the user's own commits and checkouts.
    *("-c", "core.hooksPath=/dev/null"),
    # A synced journal must not name a commit that a power cut can lose.
    *("-c", "core.fsync=loose-object,pack,reference"),
    *("-c", "core.fsyncMethod=fsync"),
)


def forget_git_environment() -> None:
    """Remove variables such as GIT_DIR from this process's environment.

    Git sets them for its hooks, and they would redirect every git command.
    """
    for name in (
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY",
    ):
        os.environ.pop(name, None)


class Git:
    """Runs git commands in one directory, without hooks and prompts, and syncs what they write."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        import git  # it takes longer to import than all of the client, which mostly needs no git

        self._git = git.Git(str(directory))

    def run(
        self, *args: str, env: dict[str, str] | None = None, stdin: BinaryIO | None = None
    ) -> str:
        """Run `git <args>`, and return its standard output without the last newline.

        Args:
            args: The command and its arguments, without `git`.
            env: Environment variables to add.
            stdin: A file to read standard input from.

        Raises:
            WorkspaceError: Git is missing or fails; the error quotes its message.
        """
        from git.exc import GitCommandError, GitCommandNotFound

        environment = {**_ENVIRONMENT, **(env or {})}
        try:
            out = self._git.execute(
                ["git", *_SETTINGS, *args],
                env=environment,
                istream=stdin,
                strip_newline_in_stdout=True,
                with_extended_output=False,
            )
        except GitCommandNotFound:
            raise WorkspaceError("The command `git` is missing.", "", "Install git.") from None
        except GitCommandError as error:
            message = re.sub(
                r"\s*stderr: '(.*)'\s*", r"\1", str(error.stderr or ""), flags=re.S
            ).strip()
            raise WorkspaceError(
                f"`git {' '.join(args[:3])}` failed.", message or str(error.status)
            ) from error
        return str(out)

    def try_run(self, *args: str, env: dict[str, str] | None = None) -> str | None:
        """Run `git <args>`, and return its standard output; None if git fails."""
        try:
            return self.run(*args, env=env)
        except WorkspaceError:
            return None

    def error_message(self, *args: str) -> str:
        """Run `git <args>`, and return git's error message; empty if it succeeds."""
        try:
            self.run(*args)
        except WorkspaceError as error:
            return error.why
        return ""

    def blob(self, spec: str) -> bytes | None:
        """Return the bytes of a file named `commit:path`; None if there is no such file."""
        from git.exc import GitCommandError

        try:
            out = self._git.execute(
                ["git", "cat-file", "blob", spec],
                env=_ENVIRONMENT,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        except GitCommandError:
            return None
        return bytes(out)

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
            return self.run(
                "fast-import", "--quiet", "--done", "--date-format=now", stdin=cast(BinaryIO, file)
            )


def commit_stream(
    *, ref: str, base: str, path: bytes, mode: str, content: bytes, message: bytes, who: str
) -> bytes:
    """Return the input that makes `git fast-import` write one commit of one changed file.

    One process does what plumbing commands would need seven for.

    Args:
        ref: The full name of the ref to hold the commit.
        base: The parent commit.
        path: The changed file, relative to the top of the repository.
        mode: The file's mode, such as `100644`.
        content: The file's new content.
        message: The commit message.
        who: Name and e-mail of the committer, as git writes them.
    """
    quoted = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b"".join(
        (
            f"commit {ref}\nmark :1\ncommitter {who} now\ndata {len(message)}\n".encode(),
            message,
            f"\nfrom {base}\nM {mode} inline ".encode(),
            b'"' + quoted + b'"\n',
            f"data {len(content)}\n".encode(),
            content,
            b"\nget-mark :1\ndone\n",
        )
    )
