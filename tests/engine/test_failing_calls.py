"""An engine that is killed at any sync or fork, or whose n-th write fails, loses nothing.

strace counts the system calls of the engine and of all processes that it starts, and kills the
process that makes the n-th; or it lets the n-th call of the engine itself fail. A few numbers are
tried in the suite, all of them in `make torture`.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from engine.client.sessions import engine_pid
from tests.engine.test_ratchet import check_books, until
from tests.fault_injection import injected
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import TRAIN, Gate, make_repository, stop_everything, wait_for

EXPERIMENTS = 3
KILL_AT_SYNC = ("fsync,fdatasync", "signal=KILL")
KILL_AT_FORK = ("clone,clone3,fork,vfork", "signal=KILL")
FULL = ("write,pwrite64", "error=ENOSPC")
BROKEN = ("fsync,fdatasync,write,pwrite64,rename,renameat,renameat2", "error=EIO")


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
        # A run whose own writes fail may crash, so that errors are for the engine alone.
        kills = fault.startswith("signal")
        with injected(pid, calls, f"{fault}:when={number}", follow=kills, log=log):
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


@pytest.mark.parametrize(
    ("calls", "fault", "number"),
    [(*KILL_AT_SYNC, 2), (*KILL_AT_SYNC, 9), (*KILL_AT_FORK, 1), (*FULL, 7), (*BROKEN, 4)],
)
def test_one_failing_call_loses_nothing(
    tmp_path: Path, calls: str, fault: str, number: int
) -> None:
    assert survives(tmp_path, calls, fault, number)


@pytest.mark.torture
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
