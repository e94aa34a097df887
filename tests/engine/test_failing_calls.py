"""An engine that is killed at any sync or fork, or whose n-th write fails, loses nothing.

strace counts the system calls of the engine and of all processes that it starts, and kills the
process that makes the n-th, or lets that call fail. A few numbers are tried in the suite, all of
them in `make torture`.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from engine.client.sessions import engine_pid, read_session
from tests.engine.test_ratchet import check_books, until
from tests.warm import run_warm
from tests.world import TRAIN, Gate, make_repository, stop_everything, wait_for

EXPERIMENTS = 3
KILL_AT_SYNC = ("fsync,fdatasync", "signal=KILL")
KILL_AT_FORK = ("clone,clone3,fork,vfork", "signal=KILL")
FULL = ("write,pwrite64", "error=ENOSPC")
BROKEN = ("fsync,fdatasync,write,pwrite64,rename,renameat,renameat2", "error=EIO")


@contextlib.contextmanager
def injected(pid: int, calls: str, fault: str, number: int, log: Path) -> Iterator[None]:
    """Inject a fault into the n-th system call of a kind that each thread of a process makes.

    Args:
        pid: The engine's process.
        calls: The system calls that are counted, separated by commas.
        fault: The fault as strace names it, such as `error=EIO`.
        number: The number of the call, counted from 1.
        log: A file for strace's log.
    """
    follow = ["-f"] if fault.startswith("signal") else []
    words = ["strace", *follow, "-q", "-o", str(log), "-e", f"trace={calls}"]
    tracer = subprocess.Popen(
        [*words, "-e", f"inject={calls}:{fault}:when={number}", "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    status = Path(f"/proc/{pid}/status")
    try:
        wait_for(
            lambda: tracer.poll() is not None or f"TracerPid:\t{tracer.pid}" in status.read_text(),
            "the tracer",
        )
        if tracer.poll() is not None:
            assert tracer.stderr is not None
            pytest.skip(f"strace may not be used here: {tracer.stderr.read()}")
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


def survives(directory: Path, calls: str, fault: str, number: int) -> bool:
    """Run a session with one fault, let it finish and check the books.

    Returns:
        Whether the fault happened: False where there were fewer such calls.
    """
    workspace = make_repository(directory / "work", {"train.py": TRAIN})
    gate = Gate(workspace, directory / "gate")
    log = directory / "strace.log"
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", str(EXPERIMENTS))
    try:
        assert run_warm("start", workspace, *words).returncode == 0
        until(workspace, lambda s: s.running is not None, "the first run")
        pid = engine_pid(workspace)
        assert pid is not None
        with injected(pid, calls, fault, number, log):
            gate.open()
            wait_for(lambda: engine_pid(workspace) is None, "the engine's end")
        if read_session(workspace, "t").ended is None:
            done = run_warm("start", workspace, "--yes")
            assert done.returncode == 0, done.stderr
            wait_for(lambda: engine_pid(workspace) is None, "the session's end")
        session = read_session(workspace, "t")
        assert session.counts.total == EXPERIMENTS, (number, session.alarms)
        assert session.counts.crash == 0, (number, session.experiments)
        check_books(workspace)
    finally:
        stop_everything(workspace)
    happened = log.read_text("utf-8", "replace")
    return "INJECTED" in happened or "killed by SIGKILL" in happened


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("calls", "fault", "number"),
    [(*KILL_AT_SYNC, 2), (*KILL_AT_SYNC, 9), (*KILL_AT_FORK, 1), (*FULL, 7), (*BROKEN, 4)],
)
def test_one_failing_call_loses_nothing(
    tmp_path: Path, calls: str, fault: str, number: int
) -> None:
    assert survives(tmp_path, calls, fault, number)


@pytest.mark.torture
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("calls", "fault"),
    [KILL_AT_SYNC, KILL_AT_FORK, FULL, BROKEN],
    ids=["sync", "fork", "full", "eio"],
)
def test_no_failing_call_loses_anything(tmp_path: Path, calls: str, fault: str) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        directory.mkdir()
        if not survives(directory, calls, fault, number):
            assert number > 3
            return
