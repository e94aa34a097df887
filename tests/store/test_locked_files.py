"""The hashes of locked files notice whatever a run puts in the place of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.store.locked_files import hash_locked

GLOBS = ("prepare.py", "data/*.bin", "*.yaml")
CHANGES = (
    *("other content", "nothing", "a link to the same content", "a pipe", "a directory"),
    *("a device", "a link to itself"),
)


def change(kind: str, path: Path) -> None:
    """Put something in the place of a file."""
    path.rename(path.with_name("moved.py"))
    match kind:
        case "other content":
            path.write_text("DATA = 2\n")
        case "a link to the same content":
            path.symlink_to("moved.py")
        case "a pipe":
            os.mkfifo(path)
        case "a directory":
            path.mkdir()
        case "a device":
            path.symlink_to("/dev/zero")
        case "a link to itself":
            path.symlink_to(path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "prepare.py").write_text("DATA = 1\n")
    (tmp_path / "train.py").write_text("X = 1\n")
    return tmp_path


@pytest.mark.parametrize("kind", CHANGES)
def test_whatever_takes_the_place_of_a_locked_file_is_a_change(place: Path, kind: str) -> None:
    before = hash_locked(place, GLOBS, "train.py")
    assert list(before) == ["prepare.py"]
    change(kind, place / "prepare.py")
    assert hash_locked(place, GLOBS, "train.py") != before


def test_a_locked_file_that_appears_is_a_change(place: Path) -> None:
    before = hash_locked(place, GLOBS, "train.py")
    (place / "extra.yaml").write_text("x: 1\n")
    assert hash_locked(place, GLOBS, "train.py").keys() - before.keys() == {"extra.yaml"}


def test_linked_data_is_compared_by_content_wherever_the_workspace_lies(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        workspace = tmp_path / name
        (workspace / "data").mkdir(parents=True)
        (workspace / "data/x.bin").write_text("1")
        place = workspace / "worktree"
        (place / "data").mkdir(parents=True)
        (place / "data/x.bin").symlink_to(workspace / "data/x.bin")
        hashes.append(hash_locked(place, GLOBS, "train.py", workspace))
    assert hashes[0] == hashes[1] != {}
    (tmp_path / "two/data/x.bin").write_text("2")
    assert hash_locked(place, GLOBS, "train.py", workspace) != hashes[1]


def test_a_copy_and_a_link_of_the_users_data_have_the_same_hash(tmp_path: Path) -> None:
    workspace, place = tmp_path / "work", tmp_path / "place"
    for directory in (workspace, place):
        (directory / "data").mkdir(parents=True)
        (directory / "data/x.bin").write_text("1")
    copied = hash_locked(place, GLOBS, "train.py", workspace)
    (place / "data/x.bin").unlink()
    (place / "data/x.bin").symlink_to(workspace / "data/x.bin")
    assert hash_locked(place, GLOBS, "train.py", workspace) == copied != {}
