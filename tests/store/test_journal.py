"""The journal: what is in it survives; what is torn is never acted on."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, ReviewAnswer
from engine.core.errors import JournalError
from engine.store.journal import Journal, JournalReader, read_journal


def write(path: Path, count: int) -> bytes:
    journal = Journal(path)
    for n in range(count):
        journal.append(ev.AlarmRaised(kind=AlarmKind.OTHER, message=f"line {n} é\u2028 \x1b[31m"))
    journal.close()
    return path.read_bytes()


def test_events_come_back_numbered_and_dated(tmp_path: Path) -> None:
    write(tmp_path / "j", 3)
    events = list(read_journal(tmp_path / "j"))
    assert [e.seq for e in events] == [1, 2, 3]
    assert all(e.at.utcoffset() is not None for e in events)


def test_an_event_is_dated_when_it_is_appended(tmp_path: Path) -> None:
    times = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (3, 5)]
    clock = iter(times)
    journal = Journal(tmp_path / "j", clock=lambda: next(clock))
    appended = [journal.append(ev.Resumed(by=Actor.SCREEN)) for _ in times]
    journal.close()
    assert [event.at for event in appended] == times
    assert [event.at for event in read_journal(tmp_path / "j")] == times


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(st.data())
def test_a_journal_cut_anywhere_keeps_all_whole_lines(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    whole = write(path, 4)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    (tmp_path / "j.torn").unlink(missing_ok=True)
    journal = Journal(path)
    lines = whole[:cut].count(b"\n")
    assert journal.session.seq == lines
    assert journal.append(ev.Resumed(by=Actor.SCREEN)).seq == lines + 1
    journal.close()
    assert len(list(read_journal(path))) == lines + 1
    torn = whole[:cut].rpartition(b"\n")[2]
    if torn:
        assert path.with_suffix(".torn").read_bytes() == torn + b"\n"


@pytest.mark.parametrize("damage", ["garbage", "gap", "repeat"])
def test_damage_in_the_middle_is_said_and_not_guessed(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "j"
    lines = write(path, 3).splitlines(True)
    changed = {
        "garbage": [lines[0], b"{not json\n", lines[2]],
        "gap": [lines[0], lines[2]],
        "repeat": [lines[0], lines[1], lines[1]],
    }[damage]
    path.write_bytes(b"".join(changed))
    with pytest.raises(JournalError, match=r"line [23]"):
        Journal(path)
    assert path.read_bytes() == b"".join(changed)


def test_a_full_disk_leaves_the_journal_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    before = write(path, 2)
    journal = Journal(path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # The kernel cuts the write in the middle, just as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, old[1]))
        with pytest.raises(JournalError, match="cannot be written"):
            journal.append(ev.Paused(by=Actor.SCREEN, reason="a long reason " * 8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert journal.session.seq == 2
    assert journal.append(ev.Resumed(by=Actor.SCREEN)).seq == 3
    journal.close()


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl")


def test_what_cannot_be_folded_is_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    before = (tmp_path / "journal.jsonl").read_bytes()
    with pytest.raises(Exception):  # noqa: B017 - whatever the fold says
        journal.append(ev.RowWritten(experiment=7, file="results.tsv"))
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    journal.close()


def test_words_about_a_proposal_that_is_gone_change_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for event in (
        ev.ProposalParked(queued=3, reason="late"),
        ev.ReviewDecided(
            queued=3, patch_id="x", decision=ReviewAnswer.VETO, by=Actor.SCREEN, reason="no"
        ),
    ):
        journal.append(event)
    assert journal.session.queue == ()
    assert journal.session.vetoed == ()
    journal.close()


def test_a_reader_yields_what_was_appended_since_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    data = write(path, 3)
    second = data.index(b"\n") + 1
    path.write_bytes(data[: second + 5])
    reader = JournalReader(path)
    assert [line.event.seq for line in reader.read_new()] == [1]
    assert list(reader.read_new()) == []  # the second line is still incomplete
    path.write_bytes(data)
    rest = list(reader.read_new())
    assert [line.event.seq for line in rest] == [2, 3]
    assert b"".join(line.line for line in rest) == data[second:]


def test_a_reader_rejects_a_gap_in_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "j"
    first, _, third = write(path, 3).splitlines(True)
    path.write_bytes(first)
    reader = JournalReader(path)
    assert len(list(reader.read_new())) == 1
    path.write_bytes(first + third)
    with pytest.raises(JournalError, match="line 2 has sequence number 3, expected 2"):
        list(reader.read_new())
