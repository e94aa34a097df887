"""What is acted on is on the disk first: promise 2 of the design."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor
from engine.core.errors import JournalError
from engine.store.journal import Journal


class Recorder:
    """Records writes, truncations and syncs in the order the kernel is asked for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        for name in ("write", "fsync", "ftruncate"):
            self._wrap(monkeypatch, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(os, name)

        def record(descriptor: int, *args: object) -> object:
            self.note(name, os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
            return real(descriptor, *args)

        monkeypatch.setattr(os, name, record)

    def note(self, what: str, name: str = "") -> None:
        """Add an entry of the test's own."""
        self.calls.append((what, name))


def test_an_event_is_synced_before_anything_learns_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    recorder = Recorder(monkeypatch)
    journal.listen(lambda event: recorder.note(f"listener of event {event.seq}"))
    journal.append(ev.EngineStarted(pid=1, version="1"))
    journal.append(ev.Resumed(by=Actor.SCREEN))
    assert recorder.calls == [
        ("write", "journal.jsonl"),
        ("fsync", "journal.jsonl"),
        ("listener of event 1", ""),
        ("write", "journal.jsonl"),
        ("fsync", "journal.jsonl"),
        ("listener of event 2", ""),
    ]
    journal.close()


def test_an_event_that_cannot_be_synced_is_not_acted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(ev.EngineStarted(pid=1, version="1"))
    before, session = path.read_bytes(), journal.session
    heard: list[int] = []
    journal.listen(lambda event: heard.append(event.seq))

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(JournalError, match="cannot be written") as caught:
            journal.append(ev.Resumed(by=Actor.SCREEN))
    assert "Input/output error" in caught.value.why
    assert path.read_bytes() == before
    assert journal.session is session
    assert heard == []
    journal.close()


def test_a_torn_line_is_synced_aside_before_it_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(ev.EngineStarted(pid=1, version="1"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"Resu')
    recorder = Recorder(monkeypatch)
    journal = Journal(path)
    assert recorder.calls == [
        ("fsync", "journal.torn"),
        ("fsync", tmp_path.name),
        ("ftruncate", "journal.jsonl"),
        ("fsync", "journal.jsonl"),
    ]
    assert journal.recovered_bytes == 13
    assert path.read_bytes() == whole
    journal.close()
