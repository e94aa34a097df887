"""A damaged journal is repaired: what can be kept is kept, and the rest is named."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.core.errors import JournalError
from engine.store.journal import fold_journal
from engine.store.journal_repair import plan_repair, repair_journal

WHOLE = (Path(__file__).parent / "journals/first.jsonl").read_bytes()
LINES = WHOLE.splitlines(keepends=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def kept_and_dropped(path: Path, content: bytes) -> tuple[int, list[int]]:
    """Repair a journal, and return how many events it has now and which lines were dropped."""
    path.write_bytes(content)
    planned = plan_repair(path)
    assert path.read_bytes() == content
    assert planned.is_needed
    aside = repair_journal(planned)
    assert aside.read_bytes() == content
    assert path.read_bytes() == b"".join(LINES[: len(planned.kept)])
    assert not plan_repair(path).is_needed
    assert fold_journal(path).seq == len(planned.kept)
    return len(planned.kept), [line.number for line in planned.dropped]


def test_a_whole_journal_needs_no_repair(path: Path) -> None:
    path.write_bytes(WHOLE)
    planned = plan_repair(path)
    assert not planned.is_needed
    assert planned.dropped == ()


@pytest.mark.parametrize(
    "foreign",
    [b"hello\n", b"\n", b"\xff\x00\n", b"[" * 100_000 + b"\n", b'{"seq": 3}\n', b"\r\n", LINES[1]],
)
def test_a_line_that_is_not_the_journals_is_dropped(path: Path, foreign: bytes) -> None:
    content = b"".join((*LINES[:9], foreign, *LINES[9:]))
    assert kept_and_dropped(path, content) == (len(LINES), [10])


def test_an_unfinished_last_line_is_dropped(path: Path) -> None:
    assert kept_and_dropped(path, WHOLE + b'{"seq":99,') == (len(LINES), [len(LINES) + 1])


def test_lines_in_the_wrong_order_are_put_in_order(path: Path) -> None:
    lines = LINES[:]
    random.Random(1).shuffle(lines)
    assert kept_and_dropped(path, b"".join(lines)) == (len(LINES), [])


@pytest.mark.parametrize("lost", [1, 2, 20])
def test_events_after_a_lost_one_are_dropped(path: Path, lost: int) -> None:
    damaged = LINES[lost][:10] + b"\n"
    content = b"".join((*LINES[:lost], damaged, *LINES[lost + 1 :]))
    dropped = list(range(lost + 1, len(LINES) + 1))
    assert kept_and_dropped(path, content) == (lost, dropped)


def test_events_that_contradict_earlier_ones_are_dropped(path: Path) -> None:
    started = next(n for n, line in enumerate(LINES) if b'"RunStarted"' in line)
    wrong = LINES[started].replace(b'"experiment":1', b'"experiment":7')
    assert wrong != LINES[started]
    content = b"".join((*LINES[:started], wrong, *LINES[started + 1 :]))
    dropped = list(range(started + 1, len(LINES) + 1))
    assert kept_and_dropped(path, content) == (started, dropped)


def test_a_journal_that_changes_meanwhile_is_left_alone(path: Path) -> None:
    path.write_bytes(WHOLE + b"hello\n")
    planned = plan_repair(path)
    path.write_bytes(WHOLE + b"world\n")
    with pytest.raises(JournalError, match="changed meanwhile"):
        repair_journal(planned)
    assert path.read_bytes() == WHOLE + b"world\n"


def test_what_is_not_a_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalError, match="cannot be read"):
        plan_repair(path)
