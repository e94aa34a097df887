"""Starts, finds and ends training runs on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from engine.core.errors import EnvironmentProblem, UsageError
from engine.executors import supervisor
from engine.processes import kill_marked

RUN_VARIABLE = "AUTORESEARCH_RUN"
"""Environment variable with a run's directory, by which its processes are found."""


@dataclass(frozen=True)
class ExitReport:
    """The supervisor's report on an ended run; `started_at` and `ended_at` are epoch seconds.

    `exit_code` is None if a signal ended the run; `signal` is None if it exited by itself.
    `killed_by` says why the supervisor killed it: `deadline`, `request` or `log flood`; else None.
    """

    exit_code: int | None
    signal: int | None
    killed_by: str | None
    started_at: float
    ended_at: float
    seconds: float
    peak_rss_bytes: int
    log_bytes_dropped: int = 0


class RunHandle:
    """A training run started by this engine or an earlier one: watches it, waits for it, kills it.

    Args:
        directory: The directory of the run's files.
        process: The supervisor's process, if this engine started it.
    """

    def __init__(self, directory: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.directory = directory
        self._process = process
        self.started_at = time.time()
        with contextlib.suppress(OSError, ValueError, KeyError):
            self.started_at = float(_read_json(directory / "supervisor.json")["started_at"])  # type: ignore[arg-type]

    @property
    def log(self) -> Path:
        """Path of run.log, the file with the run's output."""
        return self.directory / "run.log"

    def alive(self) -> bool:
        """Return whether the run's supervisor is running: it holds `alive.lock` until it ends."""
        try:
            descriptor = os.open(self.directory / "alive.lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def report(self) -> ExitReport | None:
        """Read how the run ended; None while it runs, or if its supervisor was killed."""
        try:
            raw = _read_json(self.directory / "exit.json")
        except (OSError, ValueError):
            return None
        known = {field.name for field in fields(ExitReport)}
        return ExitReport(**{k: v for k, v in raw.items() if k in known})  # type: ignore[arg-type]

    @property
    def pid(self) -> int | None:
        """Process id of the run's supervisor; None if it is unknown."""
        if self._process is not None:
            return self._process.pid
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(_read_json(self.directory / "supervisor.json")["pid"])  # type: ignore[call-overload,no-any-return]
        return None

    def kill(self) -> None:
        """Ask the supervisor to end the run's whole process tree, and return without waiting.

        The exit report then has `killed_by` set to `request`. Does nothing if the run has ended.
        """
        pid = self.pid
        if pid is not None and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def wait(self) -> ExitReport | None:
        """Wait until the run's supervisor has ended; return its report, None if it was killed."""
        pid = self.pid
        if pid is not None and hasattr(os, "pidfd_open"):
            try:
                descriptor = os.pidfd_open(pid)
            except OSError:
                descriptor = -1
            if descriptor >= 0:
                try:
                    # The lock distinguishes a running supervisor from another process with its pid.
                    if self.alive():
                        await _readable(descriptor)
                finally:
                    os.close(descriptor)
        # Only without pidfd: waiting for a file lock would need a thread.
        while self.alive():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if self._process is not None:
            self._process.wait()
        return self.report()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def ready() -> None:
        if not done.done():
            done.set_result(None)

    loop.add_reader(descriptor, ready)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)


def _read_json(path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(path.read_text("utf-8"))
    return content


def split_command(command: str) -> list[str]:
    """Split a command line into words like a shell does.

    Raises:
        UsageError: The quotes are unbalanced, or the command is empty.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"Invalid command: {command!r}.", f"{error}.") from None
    if not argv:
        raise UsageError("The command is empty.", "", "Set one with --command.")
    return argv


def start_run(
    directory: Path,
    *,
    command: str,
    cwd: Path,
    environment: Mapping[str, str],
    deadline_seconds: float,
    log_cap_bytes: int,
) -> RunHandle:
    """Start a training process under a supervisor of its own.

    Args:
        directory: The directory of the run's files, created here.
        command: The command line, split like a shell does.
        cwd: The working directory.
        environment: The complete environment.
        deadline_seconds: Time after which the process tree is killed.
        log_cap_bytes: Size beyond which the middle of the log is dropped.

    Raises:
        UsageError: The command's quotes are unbalanced, or it is empty.
        EnvironmentProblem: The directory cannot be written, or the process cannot be started.
    """
    argv = split_command(command)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Locked before the supervisor starts and inherited by it, so that it is always held.
        lock = os.open(directory / "alive.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(directory / "supervisor.log", "ab") as errors:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", _supervisor_script()),
                        *(str(directory), str(lock), str(cwd)),
                        *(repr(deadline_seconds), str(log_cap_bytes)),
                        *argv,
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=(lock,),
                    env={**environment, RUN_VARIABLE: str(directory)},
                    start_new_session=True,
                )
        finally:
            os.close(lock)
    except OSError as error:
        raise EnvironmentProblem(
            "The run could not be started.",
            f"{error.strerror or error} ({error.filename or directory}).",
            "Free disk space or memory, then resume.",
        ) from error
    return RunHandle(directory, process)


def _supervisor_script() -> str:
    """Return the path of the supervisor's program: the compiled file if there is one."""
    spec = supervisor.__spec__
    compiled = spec.cached if spec is not None else None
    return compiled if compiled and os.path.exists(compiled) else supervisor.__file__


def kill_strays(directory: Path) -> int:
    """Kill the processes left of a run whose supervisor was killed.

    They are found by AUTORESEARCH_RUN in their environment.

    Args:
        directory: The directory of the run's files.

    Returns:
        The number of processes killed.
    """
    return kill_marked(RUN_VARIABLE, str(directory))


def find_run(directory: Path) -> RunHandle | None:
    """Return the run with its files in a directory if it is alive or has a report; else None."""
    handle = RunHandle(directory)
    return handle if handle.alive() or handle.report() is not None else None
