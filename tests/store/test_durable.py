"""Files that survive a power cut: atomic, synced, with their names."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import AlarmKind, Verdict
from engine.core.results_row import ResultsRow
from engine.store.durable import sync_directory, write_durably
from engine.store.journal import Journal
from engine.store.results_tsv import append_row
from engine.store.workspace import Workspace
from tests.world import git


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and directories whose content was synced, in order, with what they held."""
    paths: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_a_new_journal_is_synced_with_its_directories(tmp_path: Path, synced: list[Path]) -> None:
    path = tmp_path / ".autoresearch" / "t" / "journal.jsonl"
    Journal(path).close()
    assert synced == [path, path.parent, path.parent.parent, tmp_path]


def test_a_journal_that_goes_on_is_not_synced_until_it_is_written(
    tmp_path: Path, synced: list[Path]
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(ev.AlarmRaised(kind=AlarmKind.OTHER, message="one"))
    journal.close()
    synced.clear()
    Journal(path).close()
    assert synced == []


def test_a_torn_line_is_on_the_disk_before_it_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"type":')
    real, kept = os.fsync, list[bytes]()

    def fsync(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".torn"):
            kept.append(path.with_suffix(".torn").read_bytes())
            assert path.read_bytes() == b'{"type":'
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    Journal(path).close()
    assert kept == [b'{"type":\n']


def test_a_new_results_file_is_synced_with_its_directory(
    tmp_path: Path, synced: list[Path]
) -> None:
    path = tmp_path / "results.tsv"
    row = ResultsRow(
        commit="a" * 7, metric=1.0, memory_gb=1.0, status=Verdict.KEEP, description="x"
    )
    append_row(path, "val_bpb", row)
    assert synced == [path, tmp_path]
    synced.clear()
    append_row(path, "val_bpb", row)
    assert synced == [path]


def test_a_new_ref_is_synced_with_the_directories_above_it(
    repository: Path, synced: list[Path]
) -> None:
    workspace = Workspace(repository)
    refs = workspace.common_dir / "refs"
    workspace.hold("refs/autoresearch/t/1", workspace.head)
    assert synced == [refs / "autoresearch" / "t", refs / "autoresearch", refs, refs.parent]
    synced.clear()
    workspace.hold("refs/autoresearch/t/2", workspace.head)
    assert synced == [refs / "autoresearch" / "t"]


def test_a_file_is_replaced_whole_and_keeps_its_permissions(
    tmp_path: Path, synced: list[Path]
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    write_durably(path, "new\udcff")
    assert path.read_bytes() == b"new\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.parent if p != tmp_path else p for p in synced] == [tmp_path, tmp_path]
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_durably(path, "new", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_is_there_may_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:

        def link(source: str, target: str) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)
    path = tmp_path / "file"
    write_durably(path, "first", replace=False)
    with pytest.raises(FileExistsError):
        write_durably(path, "second", replace=False)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("number", "raised"), [(errno.EIO, True), (errno.EINVAL, False)])
def test_a_directory_that_fails_to_sync_is_an_error_unless_none_can_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: bool
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError) if raised else contextlib.nullcontext():
        sync_directory(tmp_path)


def test_a_branch_move_whose_sync_failed_is_synced_when_it_is_tried_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(repository)
    workspace.start_branch("t", workspace.head)
    commit = git(repository, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "next")
    heads = repository / ".git/refs/heads/autoresearch"
    real, failing = os.fsync, [True]

    def fsync(descriptor: int) -> None:
        if failing and Path(os.readlink(f"/proc/self/fd/{descriptor}")) == heads:
            failing.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError):
        workspace.advance_branch("t", commit, workspace.head)
    failing.append(True)
    with pytest.raises(OSError):
        workspace.advance_branch("t", commit, workspace.head)
    workspace.advance_branch("t", commit, workspace.head)
    assert workspace.branch_commit("t") == commit
