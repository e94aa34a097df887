"""Only the user may read what the engine writes; results.tsv is as readable as any new file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.core.layout import Layout, engine_log, engine_output, home_of
from engine.store.journal import Journal
from tests.world import run_command

pytestmark = pytest.mark.usefixtures("engines")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_of_a_session_are_private_and_the_table_is_not(repository: Path) -> None:
    before = os.umask(0o022)
    try:
        words = ("run", repository, "--headless", "--yes", "--tag", "t", "--max", "2")
        done = run_command(*words, "--budget", "0.05")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    home = home_of(repository)
    assert mode(home) == 0o700
    skipped = home / "t" / "worktrees"
    files = [p for p in home.rglob("*") if p.is_file() and skipped not in p.parents]
    names = {path.name for path in files}
    assert {"journal.jsonl", "engine.log", "engine.out", "run.log", "exit.json"} <= names
    assert {"config.toml", "patch.diff", "supervisor.log", "engine.lock"} <= names
    shown = home / "t" / "report"  # made to be shown to others
    assert [p for p in files if mode(p) & 0o077 and shown not in p.parents] == []
    assert mode(repository / "results.tsv") == 0o644


def test_files_of_earlier_versions_become_private_when_they_are_opened(repository: Path) -> None:
    layout = Layout(repository, "t")
    layout.session.mkdir(parents=True)
    for directory in (layout.home, layout.session):
        directory.chmod(0o755)
    torn = layout.journal.with_suffix(".torn")
    layout.journal.write_bytes(b"half a line")
    old = [layout.journal, torn, engine_log(repository), engine_output(repository)]
    for path in old:
        path.touch()
        path.chmod(0o644)
    Journal(layout.journal).close()
    assert [mode(path) for path in old[:2]] == [0o600, 0o600]
    layout.journal.unlink()
    words = ("run", repository, "--headless", "--yes", "--tag", "t", "--max", "1")
    assert run_command(*words, "--budget", "0.05").returncode == 0
    assert [mode(path) for path in old] == [0o600] * 4
    # So that what is never opened again, such as an old prompt, can be read by the user alone.
    assert [mode(layout.home), mode(layout.session)] == [0o700, 0o700]
