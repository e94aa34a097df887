"""Worktrees of the engine: made for one run, and deleted with whatever the run left in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.removal import clear_away, walk
from engine.store.workspace import Workspace
from engine.store.worktree import check_out, remove_worktree
from tests.world import git, make_repository

ANYBODY = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
"""The ids of a user and a group with no special rights."""


@pytest.fixture
def workspace(repository: Path) -> Workspace:
    return Workspace(repository)


@pytest.fixture
def slot(repository: Path) -> Path:
    """The directory of a worktree, not made yet."""
    return repository / ".autoresearch/t/worktrees/slot-0"


def test_git_knows_the_worktree_and_sees_no_change_in_it(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    for _ in range(2):
        check_out(workspace, slot, workspace.head)
        assert git(slot, "rev-parse", "HEAD") == workspace.head
        assert git(slot, "rev-parse", "--show-toplevel") == str(slot)
        assert git(slot, "status", "--porcelain") == ""
    listed = git(repository, "worktree", "list", "--porcelain")
    assert listed.count(f"worktree {slot}\nHEAD {workspace.head}\ndetached") == 1
    git(repository, "worktree", "prune")
    assert git(slot, "rev-parse", "HEAD") == workspace.head


def test_nothing_of_an_earlier_run_is_in_the_next_worktree(
    workspace: Workspace, slot: Path
) -> None:
    check_out(workspace, slot, workspace.head)
    os.mkfifo(slot / "pipe")
    (slot / "a\nnew line").mkdir()
    (slot / "a\nnew line" / "file").touch()
    (slot / ".dot").symlink_to("/")
    (slot / "train.py").unlink()
    (slot / "train.py").mkdir()
    git(slot, "init", "--quiet", "nested")
    check_out(workspace, slot, workspace.head)
    assert sorted(os.listdir(slot)) == [".git", "prepare.py", "train.py"]
    assert git(slot, "status", "--porcelain", "--ignored") == ""


def test_the_target_of_a_link_in_the_place_of_a_worktree_is_left_alone(
    workspace: Workspace, slot: Path, tmp_path: Path
) -> None:
    target = tmp_path / "of the user"
    (target / "slot-0").mkdir(parents=True)
    (target / "slot-0/notes.txt").write_text("mine")
    slot.parent.mkdir(parents=True)
    slot.symlink_to(target / "slot-0")
    check_out(workspace, slot, workspace.head)
    remove_worktree(workspace, slot)
    slot.parent.rmdir()
    slot.parent.symlink_to(target)
    check_out(workspace, slot, workspace.head)
    assert (slot / "train.py").is_file()
    assert os.listdir(target / "slot-0") == ["notes.txt"]


def test_locks_and_pipes_in_gits_record_hold_nothing_up(workspace: Workspace, slot: Path) -> None:
    check_out(workspace, slot, workspace.head)
    record = Path(git(slot, "rev-parse", "--absolute-git-dir"))
    for name in ("index.lock", "HEAD.lock", "locked"):
        (record / name).write_text("")
    (record / "HEAD").unlink()
    os.mkfifo(record / "HEAD")
    (record / "commondir").write_text("/nonexistent\n")
    check_out(workspace, slot, workspace.head)
    assert git(slot, "rev-parse", "HEAD") == workspace.head


def test_a_worktree_that_git_added_is_replaced(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    """Earlier versions of the engine had git add their worktrees."""
    git(repository, "worktree", "add", "--quiet", "--detach", str(slot))
    check_out(workspace, slot, workspace.head)
    assert git(slot, "rev-parse", "HEAD") == workspace.head
    assert git(slot, "status", "--porcelain") == ""


def test_where_refs_are_kept_in_one_table_git_adds_the_worktree(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    (repository / ".git/reftable").mkdir()
    for _ in range(2):
        check_out(workspace, slot, workspace.head)
        assert git(slot, "status", "--porcelain") == ""
        (slot / "left.txt").touch()


def test_a_sparse_checkout_stays_sparse(tmp_path: Path) -> None:
    files = {"lab/train.py": "X = 1\n", "other/large.bin": "x", "top.txt": "x"}
    top = make_repository(tmp_path / "mono", files)
    git(top, "sparse-checkout", "set", "lab")
    workspace = Workspace(top / "lab")
    place = check_out(workspace, top / "lab/.autoresearch/w", workspace.head)
    assert (place / "train.py").is_file()
    assert (place.parent / "top.txt").is_file()
    assert not (place.parent / "other").exists()


# ---- removal


def test_write_protected_directories_are_deleted(tmp_path: Path) -> None:
    deep = tmp_path / "tree/a/b/c"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, *ANYBODY)
    for directory, mode in (deep, 0), (deep.parent, 0o500), (deep.parent.parent, 0o400):
        directory.chmod(mode)
    child = os.fork()
    if not child:  # without the rights of root, where the tests have them
        aside: object = "failed"
        try:
            os.chdir(tmp_path)
            os.setuid(ANYBODY[0])
            aside = clear_away(Path("tree"))
        finally:
            os._exit(0 if aside is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_deleted_is_moved_aside(tmp_path: Path) -> None:
    deep = tmp_path / "tree"
    deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 10):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    first = clear_away(deep)
    assert first is not None
    assert not deep.exists()
    first.rename(deep)
    first.mkdir()
    second = clear_away(deep)
    assert second is not None
    assert second != first
    subprocess.run(["rm", "-rf", str(second)], check=True)


def test_a_walk_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/file").touch()
    (tmp_path / "a/loop").symlink_to(tmp_path)
    found = {
        os.path.relpath(directory, tmp_path): sorted(entry.name for entry in entries)
        for directory, entries in walk(tmp_path)
    }
    assert found == {".": [], "a": ["file", "loop"], "a/b": []}
