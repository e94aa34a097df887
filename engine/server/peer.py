"""Finds the process that connected to the engine's socket, and whether a run or agent started it.

A training run and an agent's CLI run as the user, so the mode of the socket does not stop them.
What tells them from the user's own processes is their ancestry: they descend from the engine, and a
run's supervisor adopts every process that the run leaves behind. Where the supervisor was started
by an earlier engine, its environment has the variable that marks a run.
"""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import struct
import sys
from dataclasses import dataclass

import psutil

from engine.agents.acp.process import CLI_VARIABLE
from engine.core.text import one_line
from engine.executors.run_processes import RUN_VARIABLE, supervised_directory

_SO_PEERPIDFD = 77
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2
"""The option of macOS's unix sockets that holds the pid of the other side."""
_TRIES = 20
_PROGRAM_CHARACTERS = 80
_RUN_DIRECTORY = re.compile(r"/experiments/0*(\d+)/run-\d+/?$")


@dataclass(frozen=True)
class Intruder:
    """A process that connected to the engine's socket and must not command the engine."""

    origin: str
    """What started it, such as `a run of experiment #3`; empty where that is unknown."""
    pid: int
    program: str

    @property
    def refusal(self) -> str:
        """The engine's answer to the process, in sentences."""
        if not self.origin:
            return (
                "The engine refuses this connection, because it could not find out which process "
                "made it. Try again."
            )
        return (
            f"The engine refuses this connection, because it comes from {self.origin} "
            f"(process {self.pid}). Only the user commands the engine."
        )


def find_intruder(connection: socket.socket) -> Intruder | None:
    """Return the process at the other end of a connection if it must not command the engine.

    These are processes of a run or of an agent, and processes that ended before they could be
    checked. None for a process of the user.
    """
    try:
        pid = _peer_pid(connection)
        if pid in (0, os.getpid()):
            return None  # outside of this container, or this process itself
        descriptor = _open_pidfd(connection, pid)
    except OSError:
        return Intruder("", 0, "")
    try:
        origin = _origin(pid)
        if origin is None and _has_ended(descriptor):
            origin = ""  # what was checked may be another process with its pid
        return None if origin is None else Intruder(origin, pid, _program(pid))
    except psutil.Error:
        return Intruder("", pid, "")
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _peer_pid(connection: socket.socket) -> int:
    """Return the pid of the process that connected; 0 where the system does not tell it."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack("3i", raw)[0])
    if sys.platform == "darwin":
        return connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
    return 0


def _open_pidfd(connection: socket.socket, pid: int) -> int | None:
    """Return a descriptor of the process that connected; None where the system has none.

    Raises:
        OSError: The process has ended.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:
            raise
    return os.pidfd_open(pid)  # Linux before 6.5


def _has_ended(descriptor: int | None) -> bool:
    return descriptor is not None and bool(select.select([descriptor], [], [], 0)[0])


def _origin(pid: int) -> str | None:
    """Return what started a process if it was a run, an agent or the engine; else None.

    Raises:
        psutil.Error: The process ended in the meantime.
    """
    above_engine = {process.pid for process in _lineage(os.getpid())[1:]}
    for process in _lineage(pid):
        if process.pid == os.getpid():
            return "a process that the engine started"
        if process.pid in above_engine:
            return None
        if (directory := _supervised(process)) is not None:
            return _run_of(directory)
        try:
            environ = process.environ()
        except psutil.AccessDenied:
            continue  # another user's, such as sshd
        run, cli = environ.get(RUN_VARIABLE), environ.get(CLI_VARIABLE)
        # The engine has them itself where a run or an agent started it.
        if run is not None and run != os.environ.get(RUN_VARIABLE):
            return _run_of(run)
        if cli is not None and cli != os.environ.get(CLI_VARIABLE):
            return "an agent"
    return None


def _supervised(process: psutil.Process) -> str | None:
    """Return the directory of the run that a process supervises; None for any other process."""
    try:
        return supervised_directory(process.cmdline())
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return None


def _run_of(directory: str) -> str:
    match = _RUN_DIRECTORY.search(directory)
    return f"a run of experiment #{match[1]}" if match else "a run"


def _lineage(pid: int) -> list[psutil.Process]:
    """Return a process and its ancestors, the nearest first, without the system's first process.

    It ends at an ancestor that the system hides from this user.

    Raises:
        psutil.NoSuchProcess: The process has ended, or its ancestors change all the time.
    """
    for _ in range(_TRIES):
        lineage = [psutil.Process(pid)]
        try:
            while (parent := lineage[-1].ppid()) > 1:
                lineage.append(psutil.Process(parent))
        except psutil.NoSuchProcess as error:
            if error.pid == pid:
                raise
            if not _is_hidden(error.pid):
                continue  # an ancestor ended, and another one took its place
        return lineage
    raise psutil.NoSuchProcess(pid)


def _is_hidden(pid: int) -> bool:
    """Return whether a process exists that another user owns."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return False


def _program(pid: int) -> str:
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return ""
    return one_line(" ".join(words), _PROGRAM_CHARACTERS)
