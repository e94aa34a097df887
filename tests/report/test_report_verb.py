"""The verb `report`: its files, their directory, and its errors."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.core.enums import Verdict
from engine.core.errors import AutoresearchError, UsageError, WorkspaceError
from tests.report.nights import Night, night_table
from tests.world import git, make_repository
from tui.commands.verbs import cli

ALL = ["autoresearch-summary.md", "progress.png", "progress.svg", "card.png", "report.html"]


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, words)])


def done(*words: str | Path) -> list[Path]:
    result = invoke(*words)
    assert result.exception is None, result.exception
    return [Path(line) for line in result.stdout.splitlines()]


def refused(kind: type[AutoresearchError], *words: str | Path) -> str:
    error = invoke(*words).exception
    assert isinstance(error, kind), repr(error)
    return str(error)


def checkout(workspace: Path) -> dict[str, bytes]:
    """Return the contents of all files of the user, including git's."""
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in workspace.rglob("*")
        if path.is_file() and ".autoresearch" not in path.parts
    }


def test_a_session_is_reported_beside_its_journal(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "work", {"train.py": "x = 1\n"})
    (workspace / "train.py").write_text("x = 2  # dirty\n")
    (workspace / ".git" / "info" / "exclude").write_text(".autoresearch/\n")
    night = Night(workspace)
    night.experiment(1.0, Verdict.KEEP)
    night.experiment(0.9, Verdict.KEEP, gain=0.1)
    before = checkout(workspace)
    made = done(workspace)
    assert [path.name for path in made] == ALL
    assert {path.parent for path in made} == {workspace / ".autoresearch" / "night" / "report"}
    assert all(path.stat().st_size > 500 for path in made)
    assert checkout(workspace) == before
    assert git(workspace, "status", "--porcelain") == " M train.py"


def test_a_file_is_reported_beside_it(tmp_path: Path) -> None:
    table = night_table(tmp_path / "some results.tsv")
    made = done(table)
    assert {path.parent for path in made} == {tmp_path / "some results-report"}
    assert done(table) == made  # once more, over the first
    assert done(table, "--out", tmp_path / "a" / "b", "--format", "md,html") == [
        tmp_path / "a" / "b" / "autoresearch-summary.md",
        tmp_path / "a" / "b" / "report.html",
    ]


def test_metric_and_direction_of_a_file(tmp_path: Path) -> None:
    table = night_table(tmp_path / "r.tsv")
    done(table, "--metric", "memory_gb", "--direction", "max", "--format", "md")
    text = (tmp_path / "r-report" / "autoresearch-summary.md").read_text()
    assert "memory_gb 44 → 45" in text


def test_json(tmp_path: Path) -> None:
    result = invoke(night_table(tmp_path / "r.tsv"), "--json", "--format", "md")
    told = json.loads(result.stdout)
    assert told == {
        "files": [str(tmp_path / "r-report" / "autoresearch-summary.md")],
        "trouble": None,
        "suggested": None,
    }


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = invoke(night_table(tmp_path / "r.tsv"))
    assert result.exit_code == 0
    assert [Path(line).name for line in result.stdout.splitlines()] == [ALL[0], ALL[2], ALL[4]]
    assert 'pip install "autoresearch-tui[report]"' in result.stderr


def test_what_is_refused(tmp_path: Path) -> None:
    table = night_table(tmp_path / "results.tsv")
    assert "format: 'pdf'" in refused(UsageError, table, "--format", "md,pdf")
    assert "no file or directory" in refused(WorkspaceError, tmp_path / "none.tsv")
    assert "autoresearch-tui report" in refused(WorkspaceError, tmp_path)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    assert "--out" in refused(UsageError, fifo)
    picture = tmp_path / "x.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    assert "not a results table" in refused(UsageError, picture)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    assert "--out" in refused(WorkspaceError, table, "--out", blocked)
