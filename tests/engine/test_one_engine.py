"""One engine per workspace, whatever happens to the files that say so."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from engine.client import launch
from engine.client.request import ask_pid
from engine.client.sessions import engine_pid
from engine.core.errors import EngineBusyError, EngineGoneError, WorkspaceError
from engine.core.events import EngineStarted
from engine.core.layout import Layout
from engine.protocol.endpoint import EngineLock
from tests.journals import read_journal
from tests.warm import run_warm
from tests.world import DEADLINE_SECONDS, wait_for

pytestmark = pytest.mark.usefixtures("engines")

LOCK = ".autoresearch/engine.lock"


def start(workspace: Path, *flags: str, code: int = 0) -> str:
    """Start an engine, detached, and return what the command printed."""
    done = run_warm("start", workspace, "--yes", *flags)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def starts(workspace: Path, tag: str = "t") -> list[int]:
    """Return the pids of the engines that opened a session."""
    events = read_journal(Layout(workspace, tag).journal)
    return [event.pid for event in events if isinstance(event, EngineStarted)]


def test_a_removed_lock_file_lets_no_second_engine_in(repository: Path) -> None:
    start(repository, "--tag", "t", "--budget", "60")
    pid = engine_pid(repository)
    (repository / LOCK).unlink()
    assert f"pid {pid}" in start(repository, code=5)
    assert starts(repository) == [pid]
    # The running engine makes the file again, so that every verb finds the engine.
    wait_for(lambda: engine_pid(repository) == pid, "the lock file, made again")


def test_a_replaced_lock_file_lets_no_second_engine_in(repository: Path) -> None:
    start(repository, "--tag", "t", "--budget", "60")
    pid = engine_pid(repository)
    other = repository / "other"
    other.write_text("1\n")
    other.rename(repository / LOCK)
    assert "already" in start(repository, "--tag", "u", code=5)
    assert not Layout(repository, "u").journal.exists()
    wait_for(lambda: engine_pid(repository) == pid, "the lock file, made again")


def test_a_second_engine_without_the_lock_file_ends_and_names_the_reason(
    repository: Path, warm_engines: None
) -> None:
    start(repository, "--tag", "t", "--budget", "60")
    pid = ask_pid(repository, timeout=DEADLINE_SECONDS)
    (repository / LOCK).unlink()
    process, log = launch.spawn_engine(repository)
    with pytest.raises(Exception, match="already"):
        launch.wait_for_engine(repository, process, log)
    assert process.wait(DEADLINE_SECONDS) == EngineBusyError.exit_code
    wait_for(lambda: engine_pid(repository) == pid, "the lock file, created again")
    assert starts(repository) == [pid]


def test_another_engine_that_answers_is_not_taken_for_the_one_started(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(repository, "--tag", "t", "--budget", "60")
    pid = ask_pid(repository, timeout=DEADLINE_SECONDS)
    monkeypatch.setattr(launch, "START_SECONDS", 0.5)
    # However long the answer takes on a loaded machine.
    monkeypatch.setattr(launch, "_answering_pid", lambda w, seconds: ask_pid(w, DEADLINE_SECONDS))
    with subprocess.Popen(["sleep", "1000"]) as other:
        with pytest.raises(EngineGoneError, match=f"process {pid} answers"):
            launch.wait_for_engine(repository, other, repository / "log")
        other.kill()


def test_a_reader_never_keeps_an_engine_from_starting(tmp_path: Path) -> None:
    (tmp_path / ".autoresearch").mkdir()
    reader = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(reader, fcntl.LOCK_SH)
    attempts = []

    def let_go(seconds: float) -> None:
        attempts.append(seconds)
        fcntl.flock(reader, fcntl.LOCK_UN)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.protocol.endpoint.time.sleep", let_go)
        lock = EngineLock(tmp_path)
    assert len(attempts) == 1
    with pytest.raises(EngineBusyError, match=f"pid {os.getpid()}"):
        EngineLock(tmp_path)
    lock.release()
    EngineLock(tmp_path).release()
    os.close(reader)


def test_a_lock_file_that_links_elsewhere_is_not_written_to(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious\n")
    (tmp_path / ".autoresearch").mkdir()
    (tmp_path / LOCK).symlink_to(mine)
    with pytest.raises(WorkspaceError, match="cannot be written"):
        EngineLock(tmp_path)
    assert mine.read_text() == "precious\n"
