"""Finds and kills processes by a variable in their environment, which child processes inherit.

A process that leaves its group and its parents keeps its environment.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

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
