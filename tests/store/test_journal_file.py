"""A journal survives what other programs do to its file while an engine appends to it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind
from engine.core.errors import EngineBusyError, JournalError
from engine.store.journal import Journal, fold_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".autoresearch" / "t" / "journal.jsonl"


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()


def replace(path: Path) -> None:
    other = path.with_name("new")
    other.write_bytes(path.read_bytes().replace(b"Resumed", b"Removed"))
    other.rename(path)


def replace_by_the_same(path: Path) -> None:
    other = path.with_name("new")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def truncate(path: Path) -> None:
    os.truncate(path, 20)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def add_a_line(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"someone was here\n")


def change_in_place(path: Path) -> None:
    data = path.read_bytes().replace(b"Resumed", b"Removed")
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(1, 1))  # whatever the clock's resolution


def put_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_a_link(path: Path) -> None:
    target = path.rename(path.with_name("elsewhere"))
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (delete, False),
        (delete_all, False),
        (replace, True),
        (replace_by_the_same, True),
        (truncate, True),
        (empty, True),
        (add_a_line, True),
        (change_in_place, True),
        (put_a_directory, True),
        (put_a_link, True),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_file_is_written_again(
    path: Path, damage: Callable[[Path], None], kept: bool
) -> None:
    journal = Journal(path)
    for _ in range(3):
        journal.append(ev.Resumed(by=Actor.SCREEN))
    heard: list[ev.AnyEvent] = []
    journal.listen(heard.append)
    before = path.read_bytes()
    for time in (1, 2):
        damage(path)
        appended = journal.append(ev.Resumed(by=Actor.SCREEN))
        # The alarm comes first, then the event; both are in the file, and nothing before is lost.
        alarm, event = heard[-2:]
        assert isinstance(alarm, ev.AlarmRaised) and alarm.kind is AlarmKind.JOURNAL
        assert event == appended
        assert path.is_file() and not path.is_symlink()
        assert path.read_bytes().startswith(before)
        assert fold_journal(path) == journal.session
        aside = path.with_name(f"journal.foreign-{time}")
        assert os.path.lexists(aside) == kept
        assert (aside.name in alarm.message) == kept
    with pytest.raises(EngineBusyError):
        Journal(path)  # the new file is locked as well
    journal.close()
    assert Journal(path).session == journal.session


def test_damage_is_noticed_without_an_event(path: Path) -> None:
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    journal.check_file()
    assert journal.session.seq == 1
    path.unlink()
    journal.check_file()
    assert journal.session.seq == 2
    assert fold_journal(path) == journal.session
    journal.check_file()
    assert journal.session.seq == 2


def test_a_touched_file_is_not_damaged(path: Path) -> None:
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    inode = path.stat().st_ino
    os.utime(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    assert not journal.session.alarms
    assert path.stat().st_ino == inode


def fail_once(number: int) -> Callable[..., int]:
    """Return a system call that always fails."""

    def fail(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@contextlib.contextmanager
def without_finalizers() -> Iterator[None]:
    """Keep what other tests left for the garbage collector away from a system call that fails."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("call", ["write", "fsync", "ftruncate", "fstat"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_an_append_that_failed_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    before = path.read_bytes()
    with without_finalizers(), monkeypatch.context() as broken:
        if call == "fstat":  # the one after the line was written
            broken.setattr(os, "fsync", lambda _: broken.setattr(os, call, fail_once(number)))
        else:
            broken.setattr(os, call, fail_once(number))
        if call == "ftruncate":  # half a line stays for now
            real = os.write
            broken.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:9]))
        for _ in range(2):
            with pytest.raises(JournalError, match="cannot be written"):
                journal.append(ev.Resumed(by=Actor.SCREEN))
    if call != "ftruncate":
        assert path.read_bytes() == before
    journal.append(ev.Resumed(by=Actor.SCREEN))
    assert path.read_bytes().startswith(before)
    assert fold_journal(path) == journal.session
    assert journal.session.seq == 2
    assert not journal.session.alarms


def test_a_journal_whose_directory_could_not_be_synced_is_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    path.unlink()
    real, synced = os.fsync, list[int]()

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            synced.append(descriptor)
            if len(synced) == 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(JournalError, match="Input/output error"):
        journal.append(ev.Resumed(by=Actor.SCREEN))
    journal.append(ev.Resumed(by=Actor.SCREEN))
    assert len(synced) == 4
    assert list(path.parent.iterdir()) == [path]
    journal.close()
    assert fold_journal(path) == journal.session


def test_what_a_failed_sync_dropped_is_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    before = path.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail_once(errno.EIO))
        with pytest.raises(JournalError):
            journal.append(ev.Resumed(by=Actor.SCREEN))
    # The kernel may show an older page after a failed write.
    path.write_bytes(bytes(len(before)))
    journal.append(ev.Resumed(by=Actor.SCREEN))
    assert path.read_bytes().startswith(before)
    assert fold_journal(path) == journal.session
