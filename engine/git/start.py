"""Starts git processes, as the only module that does, with settings that run no other program."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import IO

from engine.core.errors import (
    EnvironmentProblem,
    GitBusyError,
    GitError,
    GitMissingError,
    WorkspaceError,
)
from engine.core.machine_errors import machine_error_in
from engine.core.secrets import is_harmless

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    # A partial clone would fetch missing objects, by a command of the repository's choice.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_SSH_COMMAND": "false",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_PAGER": "cat",
    # The hash of a commit names its own content, and not that of a replacement.
    "GIT_NO_REPLACE_OBJECTS": "1",
}

_SETTINGS = (
    # The user's hooks are meant for the user's own commits and checkouts.
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "commit.gpgSign=false"),
    # A synced journal must not name a commit that a power cut can lose.
    *("-c", "core.fsync=loose-object,pack,reference"),
    *("-c", "core.fsyncMethod=fsync"),
)

_USER_CONFIG = (
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
)
"""Variables, or their first parts, that name the user's own settings; no other GIT_* is passed."""


LOCK_HELD = re.compile(r"Unable to create '(?P<lock>[^'\n]+\.lock)': File exists")
"""What git says about a file that another git process holds as its lock, or left when killed."""


def forget_git_environment() -> None:
    """Remove variables such as GIT_DIR from this process's environment.

    Git sets them for its hooks, and they would redirect the git commands of training processes and
    coding agents.
    """
    for name in (
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY",
    ):
        os.environ.pop(name, None)


def run_git(
    args: tuple[str, ...],
    directory: Path,
    variables: dict[str, str] | None = None,
    stdin: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git to its end, and return its output and exit code.

    Args:
        args: The command and its arguments, without `git`.
        directory: The current directory of the process.
        variables: Environment variables to add. None: the user's and the repository's own
            configuration are read; only for commands that run nothing of it.
        stdin: A file to read standard input from.

    Raises:
        WorkspaceError: There is no such directory.
        GitMissingError: Git is not installed.
        EnvironmentProblem: The machine is too busy to start it.
    """
    with start_git(args, directory, variables, stdin=stdin) as process:
        out, message = process.communicate()
    return subprocess.CompletedProcess(args, process.returncode, out, message)


def start_git(
    args: tuple[str, ...],
    directory: Path,
    variables: dict[str, str] | None,
    *,
    stdin: IO[bytes] | None = None,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start git with its output as a pipe; the arguments are those of `run_git`.

    Raises:
        WorkspaceError: There is no such directory.
        GitMissingError: Git is not installed.
        EnvironmentProblem: The machine is too busy to start it.
    """
    passed = ("EMAIL", *(_USER_CONFIG if variables is None else ()))
    # Without the keys of the engine: a training run can read the environment of git.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(passed) or is_harmless(name, value)
    }
    try:
        return subprocess.Popen(
            ["git", *_SETTINGS, *args],
            cwd=directory,
            env={**environment, **_ENVIRONMENT, **(variables or {})},
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    except OSError as error:
        if not directory.is_dir():
            raise WorkspaceError(
                f"There is no directory {directory}.", "", "Name the directory of your repository."
            ) from None
        if isinstance(error, FileNotFoundError | PermissionError):
            what = "The command `git` is missing."
            raise GitMissingError(what, "", "Install git.") from None
        raise EnvironmentProblem(
            "The command `git` cannot be started.", f"{error.strerror}.", "Try again."
        ) from error


def output(done: subprocess.CompletedProcess[bytes], *command: str) -> bytes:
    """Return the standard output of a git process that has ended.

    Raises:
        WorkspaceError: Git failed.
    """
    if done.returncode:
        raise failure(done.returncode, done.stderr, *command)
    return done.stdout


def failure(code: int, message: bytes, *command: str) -> WorkspaceError:
    """Return the error for a git process that failed.

    Args:
        code: The exit code of the process.
        message: What it wrote to standard error.
        command: The first words of the command, without `git`.
    """
    name, why = f"`git {' '.join(command)}`", message.decode("utf-8", "replace").strip()
    if code < 0:
        return GitBusyError(f"{name} was ended by signal {-code}.", why, "Try again.")
    if held := LOCK_HELD.search(why):
        return GitBusyError(
            f"Another program holds a lock in the repository, so {name} failed.",
            why,
            f"Wait until that program has ended. If none runs git there, delete {held['lock']}.",
        )
    if machine_error_in(why):
        return GitBusyError(f"{name} failed.", why, "Try again.")
    return GitError(f"{name} failed.", why or f"Exit code {code}.")
