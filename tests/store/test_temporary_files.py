"""Temporary files of killed processes: deleted once they are old, and nothing else with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.git.commands import Git
from engine.git.repository import PRIVATE_PREFIX
from engine.store.durable import write_durably
from engine.store.temporary_files import delete_temporary_files
from engine.store.workspace import Workspace
from tests.world import git

RUN = ".autoresearch/t/experiments/0002/run-1"


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def make(path: Path, *, old: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    age(path, old=old)
    return path


def age(path: Path, *, old: bool = True) -> None:
    then = time.time() - (7200 if old else 60)
    os.utime(path, (then, then), follow_symlinks=False)


def kill_while_writing(path: Path) -> None:
    """Kill a process at the moment in which it syncs a file."""
    child = os.fork()
    if not child:
        patch.object(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGKILL)).start()
        write_durably(path, "half")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_what_killed_writers_left_is_deleted_once_it_is_old(repository: Path) -> None:
    targets = [
        repository / "results.tsv",
        repository / ".autoresearch/config.toml",
        repository / ".autoresearch/t/report.md",
        repository / ".autoresearch/t/prompts/x.gz",
        repository / RUN / "notes.txt",
    ]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        kill_while_writing(target)
    left = [p for target in targets for p in target.parent.glob(f".{target.name}.*")]
    assert len(left) == len(targets)
    left.append(make(repository / RUN / ".exit.json.4711.123456"))
    delete_temporary_files(Workspace(repository))
    assert all(path.exists() for path in left[:-1])  # another process may be writing them
    for path in left[:-1]:
        age(path)
    delete_temporary_files(Workspace(repository))
    assert not any(path.exists() for path in left)


def test_files_of_ended_engines_are_deleted_and_those_of_running_ones_stay(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended, running = ended_pid(), os.getpid()
    worktrees = repository / ".autoresearch/t/worktrees"
    gone, kept = (
        [
            make(worktrees / f"slot-0.old-{pid}-1/model.pt"),
            make(worktrees / f"slot-0.old-{pid}/model.pt"),
            make(tmp_path / f"{PRIVATE_PREFIX}{pid}-abc/config"),
        ]
        for pid in (ended, running)
    )
    for pid in (ended, running):
        (repository / f".run.log.{pid}").symlink_to(".autoresearch/t/run.log")
    (repository / ".run.log.77").symlink_to("mine.log")
    workspace = Workspace(repository)
    delete_temporary_files(workspace)
    assert not any(path.parent.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert sorted(p.name for p in repository.glob(".run.log.*")) == sorted(
        [f".run.log.{running}", ".run.log.77"]
    )


def test_files_of_the_user_and_of_runs_stay(repository: Path) -> None:
    kept = [
        repository / ".results.tsv.20240101",
        repository / ".program.md.template",
        repository / ".exit.json.1.2",
        repository / ".autoresearch/notes.tmp",
        repository / RUN / "files/.x.autoresearch-abcdefgh",
        repository / ".autoresearch/t/worktrees/slot-0/.x.autoresearch-abcdefgh",
        repository / "data/.x.autoresearch-abcdefgh",
    ]
    for path in kept:
        make(path)
    delete_temporary_files(Workspace(repository))
    assert all(path.exists() for path in kept)


def test_unfinished_packs_are_deleted_while_no_git_works_in_the_repository(
    repository: Path,
) -> None:
    objects = repository / ".git/objects"
    old = [
        make(objects / "pack/tmp_pack_abc"),
        make(objects / "pack/tmp_idx_abc"),
        make(objects / "ab/tmp_obj_abc"),
    ]
    crash = make(repository / ".git/fast_import_crash_1")
    crash.write_text("commit refs/autoresearch/t/2\n")
    age(crash)
    kept = [
        make(objects / "pack/tmp_pack_new", old=False),
        make(repository / ".git/fast_import_crash_2"),
    ]
    workspace = Workspace(repository)
    with subprocess.Popen(
        ["git", "-C", str(repository), "cat-file", "--batch"], stdin=subprocess.PIPE
    ) as working:
        delete_temporary_files(workspace)
        assert all(path.exists() for path in (*old, crash))
        assert working.stdin is not None
        working.stdin.close()
    delete_temporary_files(workspace)
    assert not any(path.exists() for path in (*old, crash))
    assert all(path.exists() for path in kept)
    assert git(repository, "fsck") == ""


def test_a_killed_git_leaves_its_private_directory_to_the_next_engine(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    used = Git(repository)
    used.run("status")
    (private,) = tmp_path.glob(f"{PRIVATE_PREFIX}*")
    delete_temporary_files(Workspace(repository))
    assert private.exists()
    private.rename(tmp_path / f"{PRIVATE_PREFIX}{ended_pid()}-x")
    delete_temporary_files(Workspace(repository))
    assert used.run("rev-parse", "HEAD")  # a new one is made
    names = [path.name.split("-")[2] for path in tmp_path.glob(f"{PRIVATE_PREFIX}*")]
    assert set(names) == {str(os.getpid())}
