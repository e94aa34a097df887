"""Starts the processes that benchmarks measure, and reads the processor time they use.

Processor time, and not time by the clock, is what can be compared on a machine with other work.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
COMMAND = str(Path(sys.executable).parent / "autoresearch-tui")


@contextmanager
def private_home() -> Iterator[Path]:
    """Give this process and its children a home, a git identity and sockets of their own.

    The environment is restored afterwards. Python writes and uses compiled files, as an installed
    command does.

    Yields:
        An empty directory that is removed in the end.
    """
    before = dict(os.environ)
    # Short, because the path of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="art-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        (home / "run").mkdir(mode=0o700)
        (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
        for variable in (
            *("GIT_CONFIG_GLOBAL", "SSH_CONNECTION", "TMUX", "NO_COLOR"),
            "PYTHONDONTWRITEBYTECODE",
        ):
            os.environ.pop(variable, None)
        os.environ.update(
            HOME=name,
            XDG_CONFIG_HOME=str(home / ".config"),
            XDG_STATE_HOME=str(home / ".local/state"),
            XDG_RUNTIME_DIR=str(home / "run"),
            GIT_CONFIG_NOSYSTEM="1",
        )
        work = home / "work"
        work.mkdir()
        try:
            yield work
        finally:
            os.environ.clear()
            os.environ.update(before)


def make_workspace(path: Path, source: str) -> Path:
    """Create a git repository with one commit that holds `train.py`; return its directory.

    Args:
        path: The directory to create.
        source: The text of `train.py`.
    """
    path.mkdir(parents=True)
    (path / "train.py").write_text(source, "utf-8")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-C", str(path), *arguments], check=True)
    return path


def wait_until(question: Callable[[], T], seconds: float = 120) -> T:
    """Call a function every 10 ms until its answer is true, and return that answer.

    Args:
        question: The function to call.
        seconds: The longest time to wait.

    Raises:
        TimeoutError: The answer stayed false.
    """
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
    return answer


def processor_seconds(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> float:
    """Run a command to its end; return the processor seconds of it and its children.

    Args:
        command: The program and its arguments; its output is dropped.
        environment: Its environment variables; None for those of this process.

    Raises:
        CalledProcessError: The command failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def processor_seconds_so_far(pid: int) -> float:
    """Return the processor seconds that a running process has used, without its children."""
    if sys.platform.startswith("linux"):
        # CPUCLOCK_SCHED of the process, see clock_getcpuclockid(3): nanoseconds, not ticks.
        return time.clock_gettime((~pid << 3) | 2)
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


@contextmanager
def terminal_process(command: Sequence[str], columns: int, rows: int) -> Iterator[tuple[int, int]]:
    """Start a command in a pseudo-terminal and kill it afterwards.

    Args:
        command: The program, as an absolute path, and its arguments.
        columns: The width of the terminal in cells.
        rows: The height of the terminal in cells.

    Yields:
        The process id, and the descriptor that reads what the terminal shows.
    """
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ.pop("AUTORESEARCH_REFRESH_HZ", None)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execv(command[0], list(command))
    try:
        yield pid, descriptor
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(descriptor)
        os.waitpid(pid, 0)


def first_frame(
    command: Sequence[str], marks: Sequence[bytes], columns: int = 120, rows: int = 40
) -> tuple[float, float]:
    """Start a command in a terminal and measure until its first frame is complete, then kill it.

    Args:
        command: The program and its arguments.
        marks: Texts that are all on the screen once the frame is complete.
        columns: The width of the terminal.
        rows: The height of the terminal.

    Returns:
        Seconds by the clock, and seconds of processor time.

    Raises:
        RuntimeError: The command ended without showing the frame.
    """
    began = time.perf_counter()
    shown = b""
    with terminal_process(command, columns, rows) as (pid, descriptor):
        while not all(mark in shown for mark in marks):
            try:
                shown += os.read(descriptor, 65536)
            except OSError as error:
                tail = shown[-2000:].decode("utf-8", "replace")
                raise RuntimeError(f"{' '.join(command)} showed no frame:\n{tail}") from error
        return time.perf_counter() - began, processor_seconds_so_far(pid)
