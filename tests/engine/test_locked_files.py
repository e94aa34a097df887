"""Locked files are compared with the baseline's, also by an engine that did not run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.events import LockedFilesHashed
from engine.core.layout import Layout
from engine.store.journal import read_journal
from tests.engine.test_ratchet import check_books, run, session_of

pytestmark = pytest.mark.usefixtures("engines")


def test_a_locked_file_that_changed_between_two_engines_is_noticed(repository: Path) -> None:
    (repository / "constants.py").write_text("EASE = 1\n")  # not tracked: it is copied for each run
    run(repository, "--max", "1", "--budget", "0.05")
    assert set(session_of(repository).locked or {}) == {"prepare.py", "constants.py"}
    (repository / "constants.py").write_text("EASE = 2\n")
    out = run(repository, "--max", "2", code=7)
    assert "A locked file changed while nothing ran: constants.py" in out
    assert session_of(repository).counts.total == 1
    (repository / "constants.py").write_text("EASE = 1\n")
    run(repository, "--max", "2")
    check_books(repository)
    events = list(read_journal(Layout(repository, "t").journal))
    assert len([e for e in events if isinstance(e, LockedFilesHashed)]) == 1
