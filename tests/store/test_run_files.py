"""The files around a run: its log, and the leftovers that are taken away."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.store import run_files
from engine.store.locked_files import hash_locked
from engine.store.run_data import RunData, choose_data
from engine.store.run_files import point_run_log, take_leftovers
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git


@pytest.fixture
def workspace(repository: Path) -> Workspace:
    git(
        repository,
        "config",
        "core.excludesFile",
        str(write(repository / ".git/ignored", "cache/\n")),
    )
    return Workspace(repository, confirmed=True)


@pytest.fixture
def place(workspace: Workspace, repository: Path) -> Path:
    """The directory of a worktree where runs start."""
    return check_out(workspace, repository / ".autoresearch/w", workspace.head)


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_locked_files_are_hashed_without_directories_and_without_the_editable_file(
    repository: Path,
) -> None:
    write(repository / "pkg/data.py", "Y = 1\n")
    found = hash_locked(repository, ("*.py", "pkg", "pkg/*.py", "absent"), "train.py")
    assert found == {
        "prepare.py": hashlib.sha256(b"DATA = 1\n").hexdigest(),
        "pkg/data.py": hashlib.sha256(b"Y = 1\n").hexdigest(),
    }


def test_the_run_log_is_a_relative_link_that_follows_the_newest_run(repository: Path) -> None:
    first = write(repository / ".autoresearch/t/run-1/run.log", "one")
    second = write(repository / ".autoresearch/t/run-2/run.log", "two")
    point_run_log(repository, first)
    assert os.readlink(repository / "run.log") == ".autoresearch/t/run-1/run.log"
    write(repository / f".run.log.{os.getpid()}", "left by a crash")
    point_run_log(repository, second)
    assert (repository / "run.log").read_text() == "two"
    assert not list(repository.glob(".run.log.*"))
    second.unlink()
    point_run_log(repository, first)  # a dangling link is ours all the same
    assert (repository / "run.log").read_text() == "one"


# ---- leftovers


def test_files_of_a_run_are_moved_and_what_was_brought_or_ignored_is_not(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    write(repository / "tokens.bin")
    RunData(workspace, place).bring(choose_data(workspace, ResearchConfig()), ())
    write(place / "model.pt", "weights")
    write(place / "deep/plot.png", "plot")
    write(place / "cache/x")
    write(place / "__pycache__/train.pyc")
    (place / "latest").symlink_to("model.pt")
    run = repository / ".autoresearch/run-1"
    assert take_leftovers(workspace, place, workspace.head, run) == 2
    assert (run / "files/model.pt").read_text() == "weights"
    assert (run / "files/deep/plot.png").read_text() == "plot"
    assert not (place / "model.pt").exists()
    assert (place / "tokens.bin").exists()
    assert (place / "train.py").exists()
    assert sorted(p.name for p in run.rglob("*")) == ["deep", "files", "model.pt", "plot.png"]


def test_files_beyond_the_limit_are_named_and_not_kept(
    workspace: Workspace, place: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "MAX_KEPT_BYTES", 10)
    write(place / "a.bin", "123456")
    write(place / "b.bin", "12345")
    write(place / "c.bin", "1234")
    run = repository / ".autoresearch/run-1"
    assert take_leftovers(workspace, place, workspace.head, run) == 2
    assert sorted(p.name for p in (run / "files").iterdir()) == ["a.bin", "c.bin"]
    assert (run / "not-kept.txt").read_text() == "b.bin\t5 bytes\n"


def test_a_file_of_a_run_that_only_has_the_name_of_unwanted_data_is_moved(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    write(repository / "model.pt", "the user's own, never brought")
    write(place / "model.pt", "the run's")
    run = repository / ".autoresearch/r"
    assert take_leftovers(workspace, place, workspace.head, run) == 1
    assert (repository / "model.pt").read_text() == "the user's own, never brought"
