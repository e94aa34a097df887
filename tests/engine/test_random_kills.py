"""Processes of four kinds are killed at random moments, with decisions of the user in between."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path

import psutil
import pytest

from engine.client.sessions import engine_pid
from engine.core.layout import Layout
from tests.engine.test_ratchet import check_books, start
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import wait_for

pytestmark = pytest.mark.usefixtures("engines")

KINDS = ("engine", "supervisor", "training", "git")
DECISIONS = (
    ("pin", "MATRIX_LR=0.05"),
    ("note", "memory is free"),
    ("ban", "no larger depth"),
    ("pause",),
    ("resume",),
    ("kill", "--yes"),
)


def processes(workspace: Path, kind: str) -> list[int]:
    """Return the process ids of a kind that belong to a workspace's session."""
    engine = engine_pid(workspace)
    if kind == "engine":
        return [] if engine is None else [engine]
    if kind == "git":
        children = [] if engine is None else _children(engine)
        return [child.pid for child in children if _is_git(child)]
    place = f"{workspace}/"
    supervisors = [
        process.pid for process in psutil.process_iter() if _is_supervisor(process, place)
    ]
    if kind == "supervisor":
        return supervisors
    return [child.pid for pid in supervisors for child in _children(pid)]


def _is_supervisor(process: psutil.Process, place: str) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "supervisor.py" in command and place in command


def _is_git(process: psutil.Process) -> bool:
    try:
        return bool(process.name() == "git")
    except psutil.Error:
        return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = psutil.Process(pid).children()
    except psutil.Error:
        return []
    return children


def kill_at_random(workspace: Path, times: int, seed: int) -> None:
    """Kill processes of a session at random moments, let it finish, and check the books."""
    choose = random.Random(seed)
    start(workspace, "--budget", "0.3", "--max", str(times))
    journal = Layout(workspace, "t").journal
    killed = dict.fromkeys(KINDS, 0)
    while sum(killed.values()) < times and not _has_ended(workspace):
        wanted = journal.stat().st_size + choose.randrange(2_000)

        def far_enough(wanted: int = wanted) -> bool:
            if journal.stat().st_size > wanted or engine_pid(workspace) is None:
                return True
            session = read_session(workspace, "t")
            return session.pause is not None or session.running is not None

        wait_for(far_enough, "more events")
        if choose.random() < 0.4:
            verb, *words = choose.choice(DECISIONS)
            run_warm(verb, "-C", workspace, *words)
        kind = choose.choice(KINDS)
        for pid in processes(workspace, kind):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed[kind] += 1
        _go_on(workspace)
    wait_for(lambda: _go_on(workspace), "the session's end")
    check_books(workspace)
    assert sum(count > 0 for count in killed.values()) >= 2, killed


def _has_ended(workspace: Path) -> bool:
    return read_session(workspace, "t").ended is not None


def _go_on(workspace: Path) -> bool:
    """Start a killed engine again, resume a paused session, and return whether it has ended."""
    if _has_ended(workspace):
        return True
    if engine_pid(workspace) is None:
        run_warm("start", workspace, "--yes")
    elif read_session(workspace, "t").pause is not None:
        run_warm("resume", "-C", workspace)
    return False


def test_random_kills_and_decisions_lose_nothing(repository: Path) -> None:
    kill_at_random(repository, 12, seed=1)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(10))
def test_three_hundred_random_kills_and_decisions_lose_nothing(repository: Path, seed: int) -> None:
    kill_at_random(repository, 30, seed=100 + seed)
