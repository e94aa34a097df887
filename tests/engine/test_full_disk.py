"""A disk that is full or read-only, and other limits of the machine, end no engine.

The workspace of these tests is a small file system of its own where that may be mounted.
"""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client.request import ask_state, send_command
from engine.client.sessions import engine_pid
from engine.core.enums import AlarmKind, Outcome
from engine.core.machine_errors import machine_error_in
from engine.protocol import commands
from tests.engine.test_ratchet import check_books, until
from tests.fault_injection import injected
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import TRAIN, Gate, make_repository, stop_everything, wait_for

REPORT_WAITS = "its report is not written"
"""What the engine waits for where the disk was full before a run's end, not between two runs."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a workspace on a file system of 6 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,nr_inodes=2k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield make_repository(place / "work", {"train.py": TRAIN})
        stop_everything(place / "work")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def start(workspace: Path, *flags: str) -> int:
    done = run_warm("start", workspace, "--yes", "--tag", "t", *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    pid = engine_pid(workspace)
    assert pid is not None
    return pid


def fill(workspace: Path, room: int = 0) -> Path:
    """Fill the file system but for some pages of 4 KiB, and return the file that does so."""
    filler = workspace.parent / "filler"
    with open(filler, "ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - 4096 * room)
    return filler


@pytest.mark.parametrize(
    "room", [7, *(pytest.param(n, marks=pytest.mark.torture) for n in (3, 4, 6, 8, 10))]
)
def test_a_full_disk_is_waited_for(small: Path, room: int) -> None:
    """What fails first depends on the room that is left.

    It is the journal or the ref of a branch with 3 or 4 pages, a file of the third experiment with
    6 or 7, and the commit of the third experiment with 8 or 10. With fewer than 3 it is the report
    of the run, as in the next test.
    """
    gate = Gate(small, small.parent.parent / "gate")
    gate.let_pass(1)
    pid = start(small, "--budget", "0.05", "--max", "6")
    until(small, lambda s: s.running is not None and len(s.experiments) == 2, "the second run")
    filler = fill(small, room)
    gate.open()
    stalled = wait_for(lambda: ask_state(small).stalled, "the engine's word that the disk is full")
    assert machine_error_in(stalled) == errno.ENOSPC
    # The journal's last block has room for a few events.
    note = commands.AddNote(text="x" * 500)
    refused = wait_for(lambda: _refusal(small, note), "a refused command")
    before = read_session(small, "t")
    assert not send_command(small, note).ok
    assert "Nothing was done" in refused
    assert "No space left on device" in refused
    shown = run_warm("status", "-C", small)
    assert "Waiting: " in shown.stdout
    assert machine_error_in(shown.stdout) == errno.ENOSPC
    assert engine_pid(small) == pid
    assert read_session(small, "t").seq == before.seq

    filler.unlink()
    wait_for(lambda: engine_pid(small) is None, "the session's end")
    session = read_session(small, "t")
    assert session.counts.total == 6
    assert session.engine_starts == 1
    assert any(a.kind is AlarmKind.DISK and "waited" in a.message for a in session.alarms)
    check_books(small)


def test_a_report_that_the_disk_has_no_room_for_is_waited_for(small: Path) -> None:
    gate = Gate(small, small.parent.parent / "gate")
    start(small, "--budget", "0.3", "--max", "2")
    until(small, lambda s: s.running is not None, "the run")
    filler = fill(small)
    gate.open()
    wait_for(lambda: REPORT_WAITS in ask_state(small).stalled, "the word that the report waits")
    filler.unlink()
    wait_for(lambda: engine_pid(small) is None, "the session's end")
    session = read_session(small, "t")
    assert session.counts.total == 2 and session.engine_starts == 1
    # What it printed into a full disk is lost, so that nothing of it can count.
    baseline = session.experiment(1)
    assert [run.outcome for run in baseline.runs] == [Outcome.INTERRUPTED, Outcome.FINISHED]
    assert "No space left on device" in baseline.runs[0].detail
    check_books(small)


def _refusal(workspace: Path, command: commands.AnyCommand) -> str:
    reply = send_command(workspace, command)
    return "" if reply.ok else reply.message


def test_a_disk_without_inodes_is_waited_for(small: Path) -> None:
    """Lines can still be appended, but no run, commit or worktree can be made."""
    start(small, "--budget", "0.3", "--max", "5")
    until(small, lambda s: s.counts.total >= 1, "the baseline")
    made = 0
    with contextlib.suppress(OSError):
        while True:
            (small.parent / f"inode-{made}").touch()
            made += 1
    wait_for(lambda: ask_state(small).stalled, "the engine's word that the disk is full")
    for number in range(made):
        (small.parent / f"inode-{number}").unlink()
    wait_for(lambda: engine_pid(small) is None, "the session's end")
    session = read_session(small, "t")
    assert session.counts.total == 5 and session.engine_starts == 1
    check_books(small)


@pytest.mark.parametrize(
    ("calls", "error", "text"),
    [
        ("fsync", "EIO", "Input/output error"),
        ("fsync", "EDQUOT", "Disk quota exceeded"),
        ("write", "EROFS", "Read-only file system"),
        ("clone,clone3,fork,vfork", "EAGAIN", "Resource temporarily unavailable"),
        ("pipe,pipe2", "EMFILE", "Too many open files"),
        ("openat,open", "EMFILE", "Too many open files"),
        ("mkdir,mkdirat", "ENOSPC", "No space left on device"),
    ],
)
@pytest.mark.usefixtures("engines")
def test_what_the_machine_refuses_for_a_while_is_tried_again(
    repository: Path, calls: str, error: str, text: str
) -> None:
    pid = start(repository, "--budget", "0.3", "--max", "4")
    until(repository, lambda s: s.counts.total >= 1, "the baseline")
    with injected(pid, calls, f"error={error}"):
        stalled = wait_for(lambda: ask_state(repository).stalled, "the engine's wait")
        assert text in stalled
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    session = read_session(repository, "t")
    assert session.counts.total == 4
    assert session.engine_starts == 1
    assert session.pause is None
    assert any(a.kind is AlarmKind.DISK and "waited" in a.message for a in session.alarms)
    check_books(repository)


@pytest.mark.usefixtures("engines")
def test_a_client_is_answered_once_its_connection_can_be_accepted(repository: Path) -> None:
    pid = start(repository, "--budget", "0.3", "--max", "500")
    with injected(pid, "accept,accept4", "error=EMFILE:when=1..2"):
        assert ask_state(repository).pid == pid
