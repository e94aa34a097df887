"""Provides a session that is paused between rounds, so that a floor is measured between them.

It is started, paused and resumed by the command, so that any version of it can be measured.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.processes import COMMAND, processor_seconds_so_far, wait_until

WARM_UP = 4
"""The number of experiments before anything is measured: the baseline, and the first imports."""
TRAIN = """\
MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
SCALAR_LR = 0.5
WARMDOWN_RATIO = 0.5
WEIGHT_DECAY = 0.2
DEPTH = 8
print("val_bpb: 1.0")
"""
_COMMAND = "grep --only-matching 'val_bpb: 1.0' train.py"
"""A command that is as quick as any, and that fails where the edited file is not what it is."""


class EngineProcess:
    """An engine process, started with `autoresearch-tui start`.

    Args:
        workspace: The git repository it works in.
        options: Options of `autoresearch-tui start`.
        command: The words that run `autoresearch-tui`.
    """

    def __init__(self, workspace: Path, *options: str, command: Sequence[str] = (COMMAND,)) -> None:
        self._workspace = workspace
        self._command = command
        self.run_verb("start", str(workspace), "--yes", *options)
        facts = json.loads(self.run_verb("status", str(workspace), "--json"))
        self.pid: int = facts["engine_pid"]
        self._process = psutil.Process(self.pid)

    def run_verb(self, *words: str) -> bytes:
        """Run a verb of the command to its end; return the bytes it prints.

        Raises:
            CalledProcessError: The command failed.
        """
        done = subprocess.run([*self._command, *words], check=True, stdout=subprocess.PIPE)
        return done.stdout

    def processor_seconds(self) -> float:
        """Return the processor seconds of the engine and all processes that it has waited for."""
        times = self._process.cpu_times()
        children = times.children_user + times.children_system
        return float(children) + processor_seconds_so_far(self.pid)

    def memory_bytes(self) -> int:
        """Return the engine's resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def stop(self) -> None:
        """End the session and wait, at most 60 s, until the engine process has ended."""
        self.run_verb("stop", "--now", "-C", str(self._workspace))
        self._process.wait(60)


class PausedSession:
    """A paused session whose training command returns at once, and whose agent is the search agent.

    Each experiment is one run, by the rule `greedy`.

    Args:
        workspace: The git repository it works in.
        command: The words that run `autoresearch-tui`.
    """

    def __init__(self, workspace: Path, command: Sequence[str] = (COMMAND,)) -> None:
        self._workspace = workspace
        self._journal = workspace / ".autoresearch" / "b" / "journal.jsonl"
        options = ("--tag", "b", "--max", "100000", "--rule", "greedy", "--command", _COMMAND)
        self.engine = EngineProcess(workspace, *options, command=command)
        self._wait_for(WARM_UP)
        self._pause()

    def run(self, experiments: int) -> tuple[list[float], float]:
        """Resume the session for at least this number of experiments, then pause it again.

        Returns:
            Seconds between two proposals by the clock, and processor seconds per experiment of the
            engine and all its processes.
        """
        lines, used = self._lines(), self.engine.processor_seconds()
        rows = count_events(lines, "RowWritten")
        self.engine.run_verb("resume", "-C", str(self._workspace))
        self._wait_for(rows + experiments)
        self._pause()
        new = self._lines()[len(lines) :]
        made = count_events(new, "RowWritten")
        events = [json.loads(line) for line in new]
        times = [datetime.fromisoformat(e["at"]) for e in events if e["type"] == "ProposalDrafted"]
        gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
        return gaps, (self.engine.processor_seconds() - used) / made

    def _lines(self) -> list[bytes]:
        return self._journal.read_bytes().splitlines()

    def _wait_for(self, rows: int) -> None:
        wait_until(lambda: count_events(self._lines(), "RowWritten") >= rows)

    def _pause(self) -> None:
        self.engine.run_verb("pause", "-C", str(self._workspace))
        wait_until(lambda: not _is_running(self._lines()))


def count_events(lines: Sequence[bytes], kind: str) -> int:
    """Return how many lines of a journal are events of a kind, such as `RowWritten`."""
    tag = f'"type":"{kind}"'.encode()
    return sum(tag in line for line in lines)


def _is_running(lines: Sequence[bytes]) -> bool:
    """Return whether a journal has a run whose row is not written yet."""
    return count_events(lines, "RunStarted") > count_events(lines, "RowWritten")
