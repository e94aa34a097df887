"""The main job through a real terminal: start, watch, leave, come back, survive kill -9, stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from engine.client import launch as starting
from engine.client.sessions import engine_pid
from engine.core.events import RunAdopted
from engine.core.layout import Layout
from tests.journals import read_journal, read_session
from tests.terminal import Window
from tests.world import COMMAND, Gate, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def _has_supervised_run(workspace: Path) -> bool:
    run = read_session(workspace).running
    return run is not None and (workspace / run.directory / "run.log").exists()


@pytest.fixture(
    params=[(80, 24), pytest.param((160, 45), marks=pytest.mark.torture)], ids=["80x24", "160x45"]
)
def size(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    yield request.param


def test_the_whole_life_of_a_session(
    repository: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    columns, rows = size
    gate = Gate(repository, tmp_path / "gate")
    words = (repository, "--tag", "t", "--budget", "0.05")
    window = Window(*words, columns=columns, rows=rows, installed=True)
    shown = window.wait_for("Start with it?")
    assert "val_bpb" in shown
    window.press("\r")
    window.wait_for("RUNNING #1")
    window.press("6")  # the results part
    gate.let_pass(1)
    window.wait_for("RUNNING #2")
    window.wait_for("keep")

    # Leaving changes nothing for the engine.
    window.press("q")
    code, said = window.wait_for_end()
    assert code == 0
    pid = engine_pid(repository)
    assert pid is not None
    assert "autoresearch-tui" in said
    gate.let_pass(2)
    wait_for(lambda: len(read_session(repository).experiments) == 3, "life without a window")

    # Coming back shows where it is; the window sees its engine die and another one take over.
    window = Window("attach", repository, columns=columns, rows=rows)
    window.wait_for("RUNNING #3")
    # A run is journaled before its process exists; an engine killed between runs it again.
    wait_for(lambda: _has_supervised_run(repository), "a run under its supervisor")
    interrupted = 3
    os.kill(pid, signal.SIGKILL)
    window.wait_for("ECONNECTING" if columns > 100 else "ECONN")
    assert starting.start_engine(repository) != pid
    window.wait_for("RUNNING #3")
    gate.open()
    wait_for(
        lambda: read_session(repository).experiment(interrupted).verdict is not None,
        "the verdict of the run whose engine was killed",
    )
    events = list(read_journal(Layout(repository, "t").journal))
    adopted = [e.experiment for e in events if isinstance(e, RunAdopted)]
    assert adopted == [interrupted]
    assert len(read_session(repository).experiment(interrupted).runs) == 1

    # Pause with the space bar, as a user would; then end the session.
    window.press(" ")
    wait_for(lambda: read_session(repository).pause is not None, "the pause")
    window.wait_for("PAUSED")
    window.press(" ")
    wait_for(lambda: read_session(repository).pause is None, "the end of the pause")
    window.press("s")
    window.wait_for("?")
    wait_for(lambda: _stopping_after_yes(window, repository), "the stop")
    window.press("q")
    assert window.wait_for_end()[0] == 0


def _stopping_after_yes(window: Window, workspace: Path) -> bool:
    # Keys of the first 300 ms are ignored by the card, so "yes" is pressed until it counts.
    session = read_session(workspace)
    if session.stop is not None or session.ended is not None:
        return True
    window.press("y")
    window.read()
    return False


def test_a_terminal_that_is_too_small_or_dumb(repository: Path) -> None:
    window = Window(repository, "--yes", columns=20, rows=5)
    assert window.wait_for_end()[0] == 9
    assert not (repository / ".autoresearch").exists()
    child = pexpect.run(
        f"{COMMAND} {repository} --yes", env={**os.environ, "TERM": "dumb"}, withexitstatus=True
    )
    assert child[1] == 9
    assert b"TERM=dumb" in child[0]
    assert b"Traceback" not in child[0]
