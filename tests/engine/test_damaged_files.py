"""Changes that other programs make to the engine's files while it runs are undone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from engine.client.request import ask_pid
from engine.client.sessions import engine_pid
from engine.core.enums import AlarmKind
from engine.core.layout import Layout
from tests.engine.test_ratchet import check_books, start, until
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import git, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def test_a_directory_of_the_engine_that_was_deleted_is_made_again(repository: Path) -> None:
    start(repository, "--budget", "60")
    pid = ask_pid(repository, timeout=30)
    journal = Layout(repository, "t").journal
    config = repository / ".autoresearch/config.toml"
    before, settings = journal.read_bytes(), config.read_bytes()
    # It fails where the engine creates a file again before git has removed its directory.
    subprocess.run(["git", "clean", "-fdx", "--quiet"], cwd=repository, check=False)
    wait_for(lambda: journal.exists() and journal.read_bytes().startswith(before), "the journal")
    wait_for(lambda: config.exists() and config.read_bytes() == settings, "the config")
    wait_for(lambda: engine_pid(repository) == pid, "the lock file, made again")
    kinds = {AlarmKind.JOURNAL, AlarmKind.ENGINE}
    wait_for(lambda: kinds <= {a.kind for a in read_session(repository, "t").alarms}, "the alarms")
    assert read_session(repository, "t").engine_starts == 1


def test_rows_and_events_that_were_removed_are_put_back(repository: Path) -> None:
    start(repository, "--budget", "0.3", "--max", "5")
    until(repository, lambda s: s.counts.total >= 2, "two rows")
    table, journal = repository / "results.tsv", Layout(repository, "t").journal
    table.unlink()
    journal.write_bytes(journal.read_bytes()[:1000])
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    session = read_session(repository, "t")
    assert session.counts.total == 5
    assert session.engine_starts == 1
    assert {AlarmKind.JOURNAL, AlarmKind.RESULTS} <= {a.kind for a in session.alarms}
    check_books(repository)


def test_a_session_goes_on_after_its_journal_is_repaired(repository: Path) -> None:
    pid = start(repository, "--budget", "0.3", "--max", "5")
    assert run_warm("repair", "-C", repository, "--yes").returncode == 5  # the engine has it
    until(repository, lambda s: s.counts.total >= 3, "three rows")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    assert "not damaged" in run_warm("repair", "-C", repository).stdout
    journal = Layout(repository, "t").journal
    lines = journal.read_bytes().splitlines(keepends=True)
    lines.insert(9, b"\x1b]0;hello\x07 of another program\n")
    lines.insert(20, lines[5])
    damaged = b"".join(lines)
    journal.write_bytes(damaged)
    refused = run_warm("start", repository, "--yes")
    assert refused.returncode == 8
    assert "autoresearch-tui repair" in refused.stderr
    unconfirmed = run_warm("repair", "-C", repository)
    assert unconfirmed.returncode == 2 and journal.read_bytes() == damaged
    done = run_warm("repair", "-C", repository, "--yes")
    assert "line 10: it is not a whole event: " in done.stdout and "\x1b" not in done.stdout
    assert "line 21: there is an event 6 before it" in done.stdout
    assert journal.with_name("journal.damaged-1").read_bytes() == damaged
    start(repository)
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    assert read_session(repository, "t").counts.total == 5
    check_books(repository)


def test_rows_that_were_changed_without_an_engine_are_put_back(repository: Path) -> None:
    pid = start(repository, "--budget", "0.3", "--max", "4")
    until(repository, lambda s: s.counts.total >= 2, "two rows")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    table = repository / "results.tsv"
    mine = table.read_text().replace("keep", "discard")
    table.write_text(mine)
    start(repository)
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    session = read_session(repository, "t")
    assert [a.kind for a in session.alarms].count(AlarmKind.RESULTS) == 1
    assert (repository / "results.tsv.yours-1").read_text() == mine
    assert "yours" not in git(repository, "status", "--porcelain")
    check_books(repository)


def test_experiments_that_a_repair_drops_lose_their_rows_too(repository: Path) -> None:
    train = repository / "train.py"
    # No edit is better, so that the branch stays where it is.
    train.write_text(re.sub("loss = .*", "loss = 1.0", train.read_text()).replace("DEPTH - 6", "0"))
    git(repository, "commit", "-qam", "constant")
    pid = start(repository, "--budget", "0.1", "--max", "7")
    until(repository, lambda s: s.counts.total >= 5, "five rows")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    journal = Layout(repository, "t").journal
    lines = journal.read_bytes().splitlines(keepends=True)
    lost = next(n for n, x in enumerate(lines) if b"RunStarted" in x and b'"experiment":3' in x)
    lines[lost] = b"lost\n"
    journal.write_bytes(b"".join(lines))
    table = repository / "results.tsv"
    before = table.read_text()
    mine = before + "0123456\t0.9\t1.0\tkeep\tmy own\n"
    table.write_text(mine)
    done = run_warm("repair", "-C", repository, "--yes")
    assert "results.tsv.yours-1" in done.stdout
    assert table.read_text().splitlines() == [*before.splitlines()[:3], mine.splitlines()[-1]]
    assert (repository / "results.tsv.yours-1").read_text() == mine
    table.write_text("".join(before.splitlines(keepends=True)[:3]))
    start(repository, "--max", "7")
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    assert read_session(repository, "t").counts.total == 7
    assert not (repository / "results.tsv.yours-2").exists()
    check_books(repository)
