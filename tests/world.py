"""The real things that tests act on: git repositories, the installed command, engines, runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from engine.client import launch
from engine.executors.local import RunHandle
from engine.protocol.endpoint import lock_holder
from tui.commands.verbs import VERBS

T = TypeVar("T")

COMMAND = Path(sys.executable).parent / "autoresearch-tui"

DEADLINE_SECONDS = 180.0
"""The longest that a test waits for one thing. Generous, because it only ends a hung test."""

TRAIN = """\
import os, time

MATRIX_LR = 0.04  # learning rate of the matrices
EMBEDDING_LR = 0.6  # learning rate of the embeddings
WARMDOWN_RATIO = 0.5  # share of the budget
DEPTH = 4  # layers

budget = float(os.environ.get("AUTORESEARCH_TIME_BUDGET", "0.1"))
start = time.monotonic()
step = 0
while True:
    share = min(1.0, (time.monotonic() - start) / budget)
    print(f"\\rstep {step:05d} ({100 * share:.1f}%) | loss: {4 - share:.4f} | dt: 10ms | "
          f"tok/sec: 1,000 | remaining: {budget * (1 - share):.0f}s   ", end="", flush=True)
    step += 1
    if share >= 1:
        break
    time.sleep(min(0.02, budget / 10))
print()
loss = 1 + (MATRIX_LR - 0.06) ** 2 * 100 + (EMBEDDING_LR - 0.8) ** 2 + (WARMDOWN_RATIO - 0.7) ** 2
print("---")
print(f"val_bpb:          {loss + abs(DEPTH - 6) / 50:.6f}")
print(f"training_seconds: {time.monotonic() - start:.1f}")
print("peak_vram_mb:     512.0")
print(f"num_steps:        {step}")
"""


def git(directory: Path, *words: str) -> str:
    """Run git in a directory and return its output without the last newline."""
    done = subprocess.run(
        ["git", "-C", str(directory), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.rstrip("\n")


def make_repository(path: Path, files: dict[str, str]) -> Path:
    """Make a git repository whose one commit holds some files, and return its path."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "add", "--", *files)
    git(path, "commit", "--quiet", "-m", "start")
    return path


class Gate:
    """Holds the training runs of a workspace until the test lets them pass.

    A test that needs a run to be under way has it so for as long as it likes.

    Args:
        workspace: The workspace, whose `train.py` is changed and committed.
        directory: A directory for the gate's files, outside the workspace.
    """

    def __init__(self, workspace: Path, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        train = workspace / "train.py"
        train.write_text(_WAIT.format(gate=str(directory)) + train.read_text("utf-8"), "utf-8")
        git(workspace, "commit", "--quiet", "-m", "wait at the gate", "--", "train.py")

    def let_pass(self, number: int) -> None:
        """Let the run pass that starts as the first, second, ... of the workspace."""
        (self._directory / f"open-{number}").touch()

    def open(self) -> None:
        """Let all runs pass, also those that start later."""
        (self._directory / "open").touch()


_WAIT = """\
import itertools
import os
import time

for turn in itertools.count(1):
    try:
        os.close(os.open(f"{gate}/run-{{turn}}", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        pass
while not (os.path.exists("{gate}/open") or os.path.exists(f"{gate}/open-{{turn}}")):
    time.sleep(0.02)

"""


def one_run_each(words: Sequence[str]) -> list[str]:
    """Return words of the command with the keep rule `greedy` where they begin a session.

    An experiment is then one run, unless a test asks for another rule.
    """
    verbs = {verb for group in VERBS.values() for verb in group}
    bare = not verbs & {*words} and {"--yes", "--tag", "--budget"} & {*words}
    begins = bare or (words[:1] and words[0] in ("start", "run", "baseline"))
    return [*words, "--rule", "greedy"] if begins and "--rule" not in words else [*words]


def run_command(
    *words: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the installed command without a terminal."""
    return subprocess.run(
        [str(COMMAND), *one_run_each([*map(str, words)])],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def wait_for(question: Callable[[], T | None], what: str) -> T:
    """Return the first answer that is neither None nor False; fail naming `what` if none comes."""
    until = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            pytest.fail(f"never happened: {what}")
        time.sleep(0.02)


async def eventually(question: Callable[[], T | None], what: str) -> T:
    """Return the first answer as `wait_for` does, while the event loop goes on with its work."""
    until = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            pytest.fail(f"never happened: {what}")
        await asyncio.sleep(0.01)


def stop_everything(workspace: Path) -> None:
    """Kill the engine and the runs of a workspace."""
    pid = lock_holder(workspace)
    if pid is not None and pid > 0:
        _kill(pid)
    for directory in workspace.glob(".autoresearch/*/experiments/*/run-*"):
        handle = RunHandle(directory)
        wait_for(partial(_killed, handle), "the run's end")


def end_engines() -> None:
    """End the engines that this process started, and forget them."""
    while launch._detached:
        process = launch._detached.pop()
        if process.poll() is None:
            _kill(process.pid)
        process.wait(DEADLINE_SECONDS)


def _kill(pid: int) -> None:
    """Kill a process that may end by itself at this moment."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _killed(handle: RunHandle) -> bool:
    # Again and again: a run that is only just being started has nothing yet that can be killed.
    if handle.alive():
        handle.kill()
    return not handle.alive()
