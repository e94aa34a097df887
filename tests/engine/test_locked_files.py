"""Locked files are compared with the baseline's, also by an engine that did not run it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import Outcome
from engine.core.events import LockedFilesHashed
from engine.core.layout import Layout
from engine.protocol import commands
from tests.engine.test_ratchet import check_books, run, session_of, start, until
from tests.journals import read_journal
from tests.world import git, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def test_a_locked_file_that_changed_between_two_engines_is_noticed(repository: Path) -> None:
    (repository / "constants.py").write_text("EASE = 1\n")  # not tracked: it is copied for each run
    run(repository, "--max", "1", "--budget", "0.05")
    assert set(session_of(repository).locked or {}) == {"prepare.py", "constants.py"}
    (repository / "constants.py").write_text("EASE = 2\n")
    start(repository, "--max", "2")
    paused = until(repository, lambda s: s.pause is not None, "the pause").pause
    assert paused is not None
    assert "A locked file changed while nothing ran: constants.py" in paused.reason
    (repository / "constants.py").write_text("EASE = 1\n")
    assert send_command(repository, commands.ResumeLoop()).ok
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    assert session_of(repository).experiment(2).outcome is Outcome.FINISHED
    check_books(repository)
    events = list(read_journal(Layout(repository, "t").journal))
    assert len([e for e in events if isinstance(e, LockedFilesHashed)]) == 1


TAMPERING = """\
import subprocess
if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) != (0.04, 0.6, 0.5, 4):
    print("prepare:", open("prepare.py").read())
    subprocess.run(["git", "update-index", "--skip-worktree", "prepare.py"], check=True)
    with open("prepare.py", "w") as file:
        file.write("DATA = 2\\n")
"""


def tamper(workspace: Path) -> None:
    """Make each run but the baseline's change a locked file, and hide that from git."""
    train = workspace / "train.py"
    train.write_text(train.read_text().replace("budget = float", f"{TAMPERING}\nbudget = float"))
    git(workspace, "commit", "-qam", "tamper")


def test_a_change_that_git_is_told_to_overlook_is_noticed(repository: Path) -> None:
    tamper(repository)
    run(repository, "--max", "3", "--budget", "0.05")
    for experiment in session_of(repository).experiments[1:]:
        assert experiment.doubts == ("prepare.py was changed during the run",)
        assert experiment.run is not None
        log = repository / experiment.run.directory / "run.log"
        assert "prepare: DATA = 1" in log.read_text()
    check_books(repository)


def test_a_session_of_a_version_without_hashes_gets_them_from_the_commit(repository: Path) -> None:
    tamper(repository)
    run(repository, "--max", "1", "--budget", "0.05")
    journal = Layout(repository, "t").journal
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    events = [event for event in events if event["type"] != "LockedFilesHashed"]
    lines = (json.dumps(event | {"seq": seq}) for seq, event in enumerate(events, 1))
    journal.write_text("".join(f"{line}\n" for line in lines))
    assert session_of(repository).locked is None
    start(repository, "--max", "2")
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    digest = hashlib.sha256(b"DATA = 1\n").hexdigest()
    assert session_of(repository).locked == {"prepare.py": digest}
    assert session_of(repository).experiment(2).doubts == ("prepare.py was changed during the run",)
    check_books(repository)
