"""Finds and kills every process of a run, also where the run stopped or killed its supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from engine.processes import (
    ProcessEntry,
    descendants_in,
    marked_processes,
    own_leaders,
    process_table,
    reap,
)

RUN_VARIABLE = "AUTORESEARCH_RUN"
"""Environment variable with a run's directory, by which its processes are found."""
STUCK_SECONDS = 10.0
"""Seconds after which processes that survive SIGKILL are reported."""
_SWEEPS = 20
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


def find_supervisors(directory: Path) -> list[psutil.Process]:
    """Return the processes whose command is that of a run's supervisor, the oldest first.

    A run can start such a process itself, but its own supervisor is older.

    Args:
        directory: The directory of the run's files, which is an argument of its supervisor.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if supervised_directory(process.cmdline()) == str(directory):
                found.append((process.create_time(), process.pid, process))
    return [process for *_, process in sorted(found)]


def supervised_directory(command: Sequence[str]) -> str | None:
    """Return the directory of the run that a process supervises, by its command line; else None.

    The environment of a supervisor cannot be read.
    """
    if len(command) < 5 or list(command[1:3]) != ["-I", "-S"]:
        return None
    return command[4] if os.path.basename(command[3]).startswith("supervisor.") else None


class RunProcesses:
    """The processes of one run: its supervisor, their descendants, and what left all of these.

    As long as the supervisor is running, it adopts the run's orphans. If the run kills it, its
    processes become children of the engine, which tells them from its own children because those
    were there before, belong to its session, or are listed in `own_leaders`.

    Args:
        directory: The directory of the run's files.
        supervisor: Process id of the supervisor if this engine started it; None: not known.
    """

    def __init__(self, directory: Path, supervisor: int | None = None) -> None:
        self._directory = directory
        self._supervisor = supervisor
        table = process_table()
        entry = table.get(supervisor) if supervisor is not None else None
        self._started = entry.started if entry is not None else None
        self._known: set[tuple[int, float]] = set()
        """Descendants of the supervisor seen last, by process id and start."""
        self._others = _children_in(table) if self._supervisor_in(table) is not None else None
        """Children of the engine while the supervisor ran; None where it was not seen running."""

    def note(self) -> str:
        """Note which processes are the run's, and return the supervisor's state.

        Call it about once per second while the run is watched.

        Returns:
            `gone` where the supervisor is not running, `stopped` by a signal, `alone` without any
            process of the run, else `busy`.
        """
        table = process_table()
        supervisor = self._supervisor_in(table)
        if supervisor is None:
            return "gone"
        run = descendants_in(table, [supervisor])
        self._known = {(pid, table[pid].started) for pid in run}
        # Orphans of the run are children of its supervisor, so that none of these is the run's.
        self._others = _children_in(table)
        if table[supervisor].state in "Tt":
            return "stopped"
        return "busy" if any(table[pid].state != "Z" for pid in run) else "alone"

    def _supervisor_in(self, table: Mapping[int, ProcessEntry]) -> int | None:
        """Return the process id of the supervisor while it is running; else None."""
        entry = table.get(self._supervisor) if self._supervisor is not None else None
        if entry is None or entry.started != self._started or entry.state == "Z":
            return None
        return self._supervisor

    async def end(self, alarm: Callable[[str], None]) -> None:
        """Kill all processes of the run, and wait until none of them is left.

        Args:
            alarm: Called once with a sentence about those that do not end, as in a driver call.
        """
        began, pause, reported = time.monotonic(), _PAUSE_SECONDS, False
        while left := await asyncio.to_thread(self._sweep):
            if not reported and time.monotonic() - began > STUCK_SECONDS:
                reported = True
                listed = ", ".join(str(pid) for pid in sorted(left)[:10])
                alarm(f"its processes cannot be killed: {listed}; the next run waits for their end")
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)

    def _sweep(self) -> set[int]:
        """Kill the run's processes once, the supervisor last; return those that were found."""
        supervisors = {process.pid for process in find_supervisors(self._directory)}
        if (own := self._supervisor_in(process_table())) is not None:
            supervisors.add(own)
        # A stopped supervisor goes on to adopt the orphans of what is killed.
        _send(supervisors, signal.SIGSTOP)
        marked = {p.pid for p in marked_processes(RUN_VARIABLE, str(self._directory))}
        found: set[int] = set()
        for _ in range(_SWEEPS):
            table = process_table()
            roots = supervisors & table.keys()
            others = descendants_in(table, roots) | (marked & table.keys()) | self._lost(table)
            others |= descendants_in(table, others)
            others -= {os.getpid(), *roots}
            reap(pid for pid in others if table[pid].parent == os.getpid())
            living = {pid for pid in others if pid not in table or table[pid].state != "Z"}
            found |= living
            if not living:
                break
            _send(living, signal.SIGKILL)
        else:
            return found
        _send(supervisors, signal.SIGKILL)
        return found | {p for p in supervisors if p in table and table[p].state != "Z"}

    def _lost(self, table: Mapping[int, ProcessEntry]) -> set[int]:
        """Return the run's processes that are no longer descendants of its supervisor."""
        lost = {
            pid for pid, started in self._known if pid in table and table[pid].started == started
        }
        if self._others is not None:
            session = os.getsid(0)
            lost |= {
                pid
                for pid, entry in table.items()
                if entry.parent == os.getpid()
                and entry.session != session
                and pid not in self._others
                and pid not in own_leaders
                and pid != self._supervisor
            }
        return lost


def _children_in(table: Mapping[int, ProcessEntry]) -> set[int]:
    """Return the ids of this process's own children."""
    return {pid for pid, entry in table.items() if entry.parent == os.getpid()}


def _send(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
