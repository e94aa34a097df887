"""Starts, finds and ends training runs on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import psutil

from engine.core.command_line import CommandLine
from engine.core.errors import EnvironmentProblem
from engine.core.secrets import redacted_forms
from engine.executors import supervisor
from engine.executors.run_processes import RUN_VARIABLE, RunProcesses, find_supervisors
from engine.untrusted_files import open_private, open_regular, read_regular, set_aside

_LONGEST_REPORT_BYTES = 64 << 10
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class ExitReport(msgspec.Struct, frozen=True):
    """The supervisor's report on an ended run; `started_at` and `ended_at` are epoch seconds.

    `exit_code` is None if a signal ended the run; `signal` is None if it exited by itself.
    `killed_by` says why the supervisor killed it: `deadline`, `request` or `log flood`; else None.
    """

    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)] | None
    signal: Annotated[int, msgspec.Meta(ge=0, le=255)] | None
    killed_by: Literal["deadline", "request", "log flood"] | None
    started_at: _Seconds
    ended_at: _Seconds
    seconds: _Seconds
    peak_rss_bytes: _Bytes
    log_bytes_dropped: _Bytes = 0
    log_rewritten: bool = False
    """Whether the run shortened or overwrote its log, and so hid what it had printed."""
    secret: str = ""
    """The secret that the engine gave the supervisor; empty in reports of older versions."""
    disk_error: str = ""
    """Why the report could not be written at first; empty where it could."""


@dataclass(frozen=True)
class RunSecret:
    """A random text by which the engine recognises a report as that of the run's supervisor."""

    text: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the secret, which may be known to everyone."""
        return _digest(self.text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class RunHandle:
    """A training run started by this engine or an earlier one: watches it, waits for it, kills it.

    Args:
        directory: The directory of the run's files.
        process: The supervisor's process, if this engine started it.
        log: A descriptor of run.log as this engine created it, which the handle closes; -1: none.
        report_digest: The SHA-256 of the secret that a report must hold; empty: any is accepted.
        started_at: When the run was started, in epoch seconds; by default now.
    """

    def __init__(
        self,
        directory: Path,
        process: subprocess.Popen[bytes] | None = None,
        *,
        log: int = -1,
        report_digest: str = "",
        started_at: float | None = None,
    ) -> None:
        self.directory = directory
        self._process = process
        self._log = log
        self._report_digest = report_digest
        self._found: psutil.Process | None = None
        self.started_at = time.time() if started_at is None else started_at
        self.kill_requested_at: float | None = None
        """The monotonic time of the first `kill`; None before it."""
        # Noted before the run can kill its supervisor: later children are then its orphans.
        self._processes = RunProcesses(directory, process.pid) if process is not None else None

    @property
    def log(self) -> Path:
        """Path of run.log, the file with the run's output."""
        return self.directory / "run.log"

    def open_log(self) -> int:
        """Return a descriptor of run.log for reading, which the caller closes.

        For a run that this engine started it is the run's own output, whatever bears that name now.

        Raises:
            OSError: There is no such file, or it is not a regular one.
        """
        if self._log < 0:
            return open_regular(self.log)
        descriptor, self._log = self._log, -1
        return descriptor

    def alive(self) -> bool:
        """Return whether the run's supervisor is running: it holds `alive.lock` until it ends."""
        if self._process is not None:
            return self._process.poll() is None
        return self._is_locked() or self.pid is not None

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(
                self.directory / "alive.lock", os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW
            )
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # something else bears its name
        else:
            return False
        finally:
            os.close(descriptor)

    def report(self) -> ExitReport | None:
        """Read how the run ended; None while it runs, or if there is no report of its supervisor.

        `report_fault` says what is wrong with a report that does not count.
        """
        return self._read_report()[0]

    @property
    def report_fault(self) -> str:
        """Why the file exit.json does not count; empty where it does, or where there is none."""
        return self._read_report()[1]

    def _read_report(self) -> tuple[ExitReport | None, str]:
        try:
            raw = read_regular(self.directory / "exit.json", _LONGEST_REPORT_BYTES)
            report = msgspec.json.decode(raw, type=ExitReport)
        except FileNotFoundError:
            return None, ""
        except OSError as error:
            return None, f"exit.json: {error.strerror}"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return None, f"exit.json: {str(error)[:200]}"
        if self._report_digest and _digest(report.secret) != self._report_digest:
            return None, "exit.json was not written by the run's supervisor"
        return report, ""

    @property
    def pid(self) -> int | None:
        """Process id of the run's supervisor; None if it is not running or was not found."""
        if self._process is not None:
            return self._process.pid
        if self._found is None or not _is_running(self._found):
            found = find_supervisors(self.directory)
            self._found = found[0] if found else None
        return self._found.pid if self._found is not None else None

    @property
    def processes(self) -> RunProcesses:
        """The run's processes, to watch and to end them where the supervisor cannot."""
        if self._processes is None:
            self._processes = RunProcesses(self.directory, self.pid)
        return self._processes

    def kill(self) -> None:
        """Ask the supervisor to end the run's whole process tree, and return without waiting.

        The exit report then has `killed_by` set to `request`. Does nothing if the run has ended.
        """
        if self.kill_requested_at is None:
            self.kill_requested_at = time.monotonic()
        pid = self.pid
        if pid is not None and self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)  # the run may have stopped it

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
                    # Another process may have its pid by now.
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

    async def end(self, alarm: Callable[[str], None]) -> None:
        """Kill all processes of the run, also its supervisor, and wait until none of them is left.

        Args:
            alarm: Called once with a sentence about those that do not end, as in a driver call.
        """
        await self.processes.end(alarm)
        if self._process is not None:
            self._process.wait()


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


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


def start_run(
    directory: Path,
    *,
    command: CommandLine,
    cwd: Path,
    environment: Mapping[str, str],
    deadline_seconds: float,
    log_cap_bytes: int,
    secret: RunSecret | None = None,
    redacted: Iterable[str] = (),
) -> RunHandle:
    """Start a training process under a supervisor of its own.

    Args:
        directory: The directory of the run's files, created here; something that an earlier run
            has put there is renamed.
        command: The parsed command line.
        cwd: The working directory, in which the command's own `cd` has been followed.
        environment: The complete environment, but for the variables that the command sets.
        deadline_seconds: Time after which the process tree is killed.
        log_cap_bytes: Size beyond which the middle of the log is dropped.
        secret: Proves that the report is the supervisor's; by default a new one.
        redacted: Secrets that are overwritten with asterisks in run.log: as many as a pipe holds,
            which is 64 KiB by default.

    Raises:
        EnvironmentProblem: The directory cannot be written, or the process cannot be started.
    """
    environment = {**environment, **dict(command.assignments)}
    secret = secret or RunSecret()
    log = -1
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        set_aside(directory)
        directory.mkdir(mode=0o700)
        log = _create_log(directory / "run.log")
        # Locked before the supervisor starts and inherited by it, so that it is always held.
        lock = os.open(directory / "alive.lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # Not an argument or a variable, which the run could read.
        secret_end, write_end = os.pipe()
        try:
            texts = [text.encode("utf-8", "surrogateescape") for text in redacted_forms(redacted)]
            os.set_blocking(write_end, False)
            os.write(write_end, b"\0".join((secret.text.encode(), *texts, b"")))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(directory / "supervisor.log", "ab", opener=open_private) as errors:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", _supervisor_script()),
                        *(str(directory), str(lock), str(secret_end), str(cwd)),
                        *(repr(deadline_seconds), str(log_cap_bytes)),
                        *command.arguments(_shell(environment)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=(lock, secret_end),
                    env={**environment, RUN_VARIABLE: str(directory)},
                    start_new_session=True,
                )
        finally:
            for descriptor in (lock, secret_end, write_end):
                os.close(descriptor)
    except OSError as error:
        if log >= 0:
            os.close(log)
        raise EnvironmentProblem(
            "The run could not be started.",
            f"{error.strerror or error} ({error.filename or directory}).",
            "Free disk space or memory, then resume.",
        ) from error
    return RunHandle(directory, process, log=log, report_digest=secret.digest)


def _shell(environment: Mapping[str, str]) -> str:
    """Return the path of the shell for commands that need one: bash, for most notes are for it."""
    return shutil.which("bash", path=environment.get("PATH")) or "/bin/sh"


def _create_log(path: Path) -> int:
    """Create an empty log, and return a descriptor for reading it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return open_regular(path)


def _supervisor_script() -> str:
    """Return the path of the supervisor's program: the compiled file if there is a current one."""
    source, spec = supervisor.__file__, supervisor.__spec__
    compiled = spec.cached if spec is not None else None
    if compiled is not None:
        info = os.stat(source)
        # Python itself checks it at an import only, not where it is the program.
        current = struct.pack("<3L", 0, int(info.st_mtime) & 0xFFFFFFFF, info.st_size & 0xFFFFFFFF)
        with contextlib.suppress(OSError), open(compiled, "rb") as file:
            if file.read(16)[4:] == current:
                return compiled
    return source
