"""Locked files are compared with the baseline's, also by an engine that did not run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import Outcome
from engine.core.events import LockedFilesHashed
from engine.core.layout import Layout
from engine.protocol import commands
from engine.store.journal import read_journal
from tests.engine.test_ratchet import check_books, run, session_of, start, until
from tests.world import wait_for

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
