"""Tests how a run command is started: its variables, its directory, its shell and its output."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engine.core.command_line import CommandLine
from engine.core.errors import UsageError, WorkspaceError
from engine.executors.local import start_run
from engine.executors.run_command import run_command, start_directory
from tests.world import DEADLINE_SECONDS


def log_of(tmp_path: Path, command: str, *, exit_code: int = 0, **variables: str) -> str:
    """Run a command to its end, and return its log."""
    handle = start_run(
        tmp_path / "run-1",
        command=run_command(command),
        cwd=tmp_path,
        environment={**os.environ, **variables},
        deadline_seconds=DEADLINE_SECONDS,
        log_cap_bytes=1 << 20,
    )
    report = asyncio.run(handle.wait())
    assert report is not None
    assert report.exit_code == exit_code
    return handle.log.read_text()


@pytest.mark.parametrize(
    ("command", "log"),
    [
        ("A=1 python3 -c 'import os; print(os.environ[\"A\"])' > run.log 2>&1", "1\n"),
        ("echo loss: $LR > run.log 2>&1 && grep loss run.log", "loss: 0.3\nloss: 0.3\n"),
        ("echo a | tr a b", "b\n"),
        ("echo a 2>&1 | tee run.log", "a\n"),
    ],
)
def test_what_a_command_prints_is_in_the_log_of_the_run(
    tmp_path: Path, command: str, log: str
) -> None:
    assert log_of(tmp_path, command, LR="0.3") == log


def test_a_failure_is_not_hidden_by_the_copy_of_the_output(tmp_path: Path) -> None:
    command = "python3 -c 'print(1); exit(3)' > run.log 2>&1 && echo not reached"
    assert log_of(tmp_path, command, exit_code=3) == "1\n"
    assert (tmp_path / "run.log").read_text() == "1\n"


@pytest.mark.parametrize("text", ["", "  ", "python 'x"])
def test_a_command_that_cannot_be_parsed_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        run_command(text)


def test_a_cd_into_the_checkout_leads_to_the_same_directory_of_the_worktree(tmp_path: Path) -> None:
    top, worktree = tmp_path / "repo", tmp_path / "repo" / "worktree"
    (worktree / "sub" / "part").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(top)

    def directory(cd: str) -> Path:
        command = CommandLine(directory=cd, argv=("true",))
        return start_directory(command, worktree / "sub", top=top, worktree=worktree)

    assert directory("") == directory(".") == worktree / "sub"
    assert directory("..") == directory(str(top)) == worktree
    assert directory("part") == directory(f"{tmp_path}/link/sub/part") == worktree / "sub" / "part"
    assert directory(f"{tmp_path}/other") == tmp_path / "other"
    for outside in ("../..", "missing", str(top / "missing")):
        with pytest.raises(WorkspaceError):
            directory(outside)
