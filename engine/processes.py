"""Finds and kills processes by ancestry, or by a variable of their environment.

A process that leaves its group and its parents keeps its environment. One that cleans its
environment as well still has an ancestor: the nearest living one that adopts orphans.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

own_leaders: set[int] = set()
"""Process ids of this process's children that lead a session of their own, but for runs."""
_SET_CHILD_SUBREAPER = 36
_STATES = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}
_SWEEP_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


def marked_processes(name: str, value: str) -> set[psutil.Process]:
    """Return the processes that have the variable `name` with `value` in their environment.

    This process is left out. Empty where the system has no /proc.
    """
    wanted = f"{name}={value}".encode()
    found: set[psutil.Process] = set()
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError, psutil.Error):
            # psutil's own environ() decodes and parses all of it, which takes ten times as long.
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(psutil.Process(pid))
    return found


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to each process; skip those that have ended or belong to another user."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def kill_marked(name: str, value: str) -> int:
    """Kill all processes that have the variable `name` with `value`, and those they start.

    It blocks until none is left, for at most five seconds.

    Returns:
        The number of processes killed.
    """
    killed: set[psutil.Process] = set()
    until = time.monotonic() + _SWEEP_SECONDS
    while (found := marked_processes(name, value)) and time.monotonic() < until:
        kill_all(found)
        killed |= found
        time.sleep(_PAUSE_SECONDS)
    return len(killed)


class ProcessEntry(NamedTuple):
    """What the kernel says of one process; `started` grows with the time of its start."""

    parent: int
    session: int
    state: str
    """One letter, such as `R` for running, `T` for stopped and `Z` for ended but not reaped."""
    started: float


def process_table() -> dict[int, ProcessEntry]:
    """Return all processes of this machine by process id."""
    table: dict[int, ProcessEntry] = {}
    if not os.path.isdir("/proc/self"):
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                pid, state = process.pid, _STATES.get(process.status(), "S")
                table[pid] = ProcessEntry(
                    process.ppid(), os.getsid(pid), state, process.create_time()
                )
        return table
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            descriptor = os.open(f"/proc/{name}/stat", os.O_RDONLY)
            try:
                line = os.read(descriptor, 1024)
            finally:
                os.close(descriptor)
            # The command in parentheses may contain any character, so count from its end.
            fields = line.rpartition(b")")[2].split(None, 20)
            table[int(name)] = ProcessEntry(
                int(fields[1]), int(fields[3]), fields[0].decode(), float(fields[19])
            )
    return table


def descendants_in(table: Mapping[int, ProcessEntry], roots: Iterable[int]) -> set[int]:
    """Return the ids of all descendants of some processes, without the processes themselves."""
    children: dict[int, list[int]] = {}
    for pid, entry in table.items():
        children.setdefault(entry.parent, []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    return found


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends.

    Does nothing on other systems than Linux.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(pids: Iterable[int]) -> None:
    """Collect the exit statuses of ended children, so that the kernel forgets them."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


class OrphanReaper:
    """Collects the exit statuses of ended orphans that this process adopted.

    A child that this process started itself has somebody who waits for its status. So only children
    of other sessions are reaped that had ended at the call before, too.
    """

    def __init__(self) -> None:
        self._ended: set[int] = set()

    def reap(self) -> None:
        """Reap the orphans that had ended at the last call; call it every half a minute or so."""
        ended = set(_ended_orphans(process_table()))
        reap(self._ended & ended)
        self._ended = ended - self._ended


def _ended_orphans(table: Mapping[int, ProcessEntry]) -> Iterator[int]:
    own, session = os.getpid(), os.getsid(0)
    for pid, entry in table.items():
        if entry.parent == own and entry.state == "Z" and entry.session != session:
            yield pid
