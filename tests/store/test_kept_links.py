"""Directories with many links go from one worktree to the next, unless a run changed a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.store import bringing, kept_links
from engine.store.kept_links import KeptLinks
from engine.store.run_data import RunData, choose_data
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import make_repository

LINKED = [f"{n}.bin" for n in range(3, 9)]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_links, "MANY_LINKS", 5)
    monkeypatch.setattr(bringing, "MAX_COPIES", 3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    top = make_repository(tmp_path / "work", {"train.py": "X = 1\n", "data/.gitkeep": "of git"})
    for n in range(9):
        (top / f"data/{n}.bin").write_text(f"{n}")
    for n in range(9):
        (top / "data/deep").mkdir(exist_ok=True)
        (top / f"data/deep/{n}.bin").write_text(f"deep {n}")
    return Workspace(top)


class Slot:
    """Makes the worktrees of one slot, as the engine does for each run."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.top = workspace.path / ".autoresearch/t/worktrees/slot-0"
        self._kept = KeptLinks(self.top)

    def prepare(self) -> dict[str, int]:
        """Make the worktree of the next run, and return the inode of each link in it."""
        self._kept.save()
        check_out(self._workspace, self.top, self._workspace.head)
        RunData(self._workspace, self.top, self._kept).bring(
            choose_data(self._workspace, ResearchConfig()), ()
        )
        for own in ("data", "data/deep"):
            for path in (self._workspace.path / own).glob("*.bin"):
                assert (self.top / own / path.name).read_text() == path.read_text()
        assert (self.top / "data/.gitkeep").read_text() == "of git"
        files = {p for p in self.top.rglob("*") if not p.is_dir()} - {self.top / ".git"}
        assert {p.relative_to(self.top) for p in files} == {
            p.relative_to(self._workspace.path)
            for pattern in ("*.py", "data/**/*")
            for p in self._workspace.path.glob(pattern)
            if p.is_file()
        }
        self._wait_for_the_next_file_time()
        links = {str(p.relative_to(self.top)): p for p in files if p.is_symlink()}
        return {name: os.lstat(p).st_ino for name, p in links.items()}

    def _wait_for_the_next_file_time(self) -> None:
        """A run starts later than that; two calls in a test may fall into the same tick."""
        now = os.stat(self.top).st_ctime_ns
        while os.stat(self.top).st_ctime_ns == now:
            (self.top / "tick").touch()
            (self.top / "tick").unlink()


@pytest.fixture
def slot(workspace: Workspace) -> Slot:
    return Slot(workspace)


def test_links_are_kept_and_copies_made_again(slot: Slot) -> None:
    first = slot.prepare()
    assert len(first) == 15
    (slot.top / "data/0.bin").write_text("spoilt by a run")
    (slot.top / "data/.gitkeep").write_text("spoilt by a run")
    assert slot.prepare() == first
    assert slot.prepare() == first


@pytest.mark.parametrize(
    "change",
    [
        lambda data: (data / "cache.bin").write_text("left"),
        lambda data: (data / "5.bin").unlink(),
        lambda data: (data / "5.bin").rename(data / "moved.bin"),
        lambda data: [(data / "5.bin").unlink(), (data / "5.bin").symlink_to("/etc/hostname")],
        lambda data: [data.rename(data.with_name("aside")), data.symlink_to("/etc")],
        lambda data: [data.rename(data.with_name("aside")), data.mkdir()],
    ],
)
def test_a_directory_that_a_run_changed_is_made_again(
    slot: Slot, change: Callable[[Path], object]
) -> None:
    slot.prepare()
    change(slot.top / "data")
    slot.prepare()
    change(slot.top / "data/deep")
    slot.prepare()


def test_names_follow_the_users_directory(slot: Slot, workspace: Workspace) -> None:
    slot.prepare()
    data = workspace.path / "data"
    (data / "5.bin").unlink()
    (data / "new.bin").write_text("new")
    (data / "deep/5.bin").rename(data / "deep/renamed.bin")
    slot.prepare()
    for path in data.glob("*.bin"):
        path.unlink()
    slot.prepare()


def test_nothing_is_kept_for_a_new_engine(slot: Slot, workspace: Workspace) -> None:
    slot.prepare()
    (slot.top.with_suffix(".links")).mkdir()
    Slot(workspace).prepare()
    assert not slot.top.with_suffix(".links").exists()
