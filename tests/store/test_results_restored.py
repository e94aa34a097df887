"""Rows of results.tsv that were changed or removed are put back, and no other row is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.enums import Verdict
from engine.core.results_row import ResultsRow, format_row
from engine.store.results_tsv import ResultsTable, header

HEADER = header("val_bpb") + "\n"
EARLIER = "aaaaaaa\t1.200000\t0.5\tkeep\tbaseline\n"
"""A row of an earlier session."""
START = len(HEADER + EARLIER)
NOTE = "fffffff\t0.900000\t0.5\tkeep\tmy own run\n"
"""A row that the user adds."""


def row(number: int) -> ResultsRow:
    return ResultsRow(
        commit=f"{number:07d}", metric=1.0, memory_gb=1, status=Verdict.KEEP, description="x"
    )


def text(*numbers: int) -> str:
    return "".join(format_row(row(number)) + "\n" for number in numbers)


ROWS = [row(number) for number in (1, 2, 3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.tsv"
    path.write_text(HEADER + EARLIER)
    return path


@pytest.fixture
def table(path: Path) -> ResultsTable:
    table = ResultsTable(path, "val_bpb")
    for count in (1, 2, 3):
        assert table.write(ROWS[:count], count - 1, START) == ""
    assert path.read_text() == HEADER + EARLIER + text(1, 2, 3)
    return table


def new(path: Path, table: ResultsTable, restarted: bool) -> ResultsTable:
    return ResultsTable(path, "val_bpb") if restarted else table


@pytest.mark.parametrize("restarted", [False, True])
def test_an_untouched_table_stays(path: Path, table: ResultsTable, restarted: bool) -> None:
    before = path.stat()
    table = new(path, table, restarted)
    assert table.is_untouched() is not restarted
    assert table.write(ROWS, 3, START) == ""
    assert table.is_untouched()
    assert path.stat() == before


@pytest.mark.parametrize("restarted", [False, True])
def test_a_deleted_table_is_written_again(path: Path, table: ResultsTable, restarted: bool) -> None:
    path.unlink()
    table = new(path, table, restarted)
    assert not table.is_untouched()
    assert table.write(ROWS, 3, START) == "was deleted"
    # Only the engine that saw the earlier row knows it.
    assert path.read_text() == HEADER + ("" if restarted else EARLIER) + text(1, 2, 3)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("changed", "restored"),
    [
        (text(1, 3), ""),
        (text(1, 2), ""),
        ("", ""),
        (text(1, 2, 3).replace("1.000000", "0.500000", 1), ""),
        (text(1, 2) + text(3).replace("keep", "discard"), ""),
        (text(3, 1, 2), ""),
        (text(1, 3) + NOTE, NOTE),
        (NOTE + text(2, 3), NOTE),
        (text(1) + NOTE + text(3), NOTE),
    ],
)
def test_a_changed_table_is_kept_beside_the_restored_one(
    path: Path, table: ResultsTable, restarted: bool, changed: str, restored: str
) -> None:
    path.write_text(HEADER + EARLIER + changed)
    aside = path.with_name("results.tsv.yours-1")
    table = new(path, table, restarted)
    found = table.write([*ROWS, row(4)], 3, START)
    assert found == f"was changed (your version is kept as {aside.name})"
    assert aside.read_text() == HEADER + EARLIER + changed
    if not restarted:
        restored = ""  # what it was before the change is known
    assert path.read_text() == HEADER + EARLIER + restored + text(1, 2, 3, 4)


@pytest.mark.parametrize("restarted", [False, True])
def test_rows_and_descriptions_of_the_user_stay(
    path: Path, table: ResultsTable, restarted: bool
) -> None:
    mine = HEADER + EARLIER + text(1, 2, 3).replace("x", "my words", 1) + NOTE
    path.write_text(mine)
    table = new(path, table, restarted)
    assert table.write([*ROWS, row(4)], 3, START) == ""
    assert path.read_text() == mine + text(4)
    path.unlink()
    assert table.write([*ROWS, row(4)], 4, START) == "was deleted"
    assert path.read_text() == mine + text(4)


def test_a_row_whose_event_was_lost_is_not_written_twice(path: Path, table: ResultsTable) -> None:
    again = ResultsTable(path, "val_bpb")
    assert again.write(ROWS, 2, START) == ""
    assert path.read_text() == HEADER + EARLIER + text(1, 2, 3)
    path.write_text(HEADER + EARLIER + text(1, 3))
    assert "yours-1" in ResultsTable(path, "val_bpb").write(ROWS, 2, START)
    assert path.read_text() == HEADER + EARLIER + text(1, 2, 3)


def test_an_equal_row_of_an_earlier_session_is_not_the_sessions_own(path: Path) -> None:
    path.write_text(HEADER + text(1))
    start = len(HEADER + text(1))
    assert ResultsTable(path, "val_bpb").write(ROWS[:1], 0, start) == ""
    assert path.read_text() == HEADER + text(1, 1)


@pytest.mark.parametrize("restarted", [False, True])
def test_another_table_in_its_place_is_kept_aside(
    path: Path, table: ResultsTable, restarted: bool
) -> None:
    path.write_text("my,own,table\n1,2,3\n")
    table = new(path, table, restarted)
    assert "yours-1" in table.write(ROWS, 3, START)
    assert path.read_text() == HEADER + ("" if restarted else EARLIER) + text(1, 2, 3)
    assert path.with_name("results.tsv.yours-1").read_text() == "my,own,table\n1,2,3\n"


def test_each_changed_version_is_kept(path: Path, table: ResultsTable) -> None:
    for _ in range(2):
        path.write_text(HEADER)
        assert table.write(ROWS, 3, START)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "results.tsv",
        "results.tsv.yours-1",
        "results.tsv.yours-2",
    ]


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_what_is_not_a_file_is_refused(path: Path, table: ResultsTable, kind: str) -> None:
    path.unlink()
    other = path.with_name("other")
    other.write_text("precious")
    if kind == "link":
        path.symlink_to(other)
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"."):
        table.write(ROWS, 3, START)
    assert other.read_text() == "precious"


def test_other_rows_stay_where_an_editor_changed_the_line_ends(
    path: Path, table: ResultsTable
) -> None:
    path.write_bytes((HEADER + EARLIER + text(1, 3) + NOTE).replace("\n", "\r\n").encode())
    assert "yours-1" in ResultsTable(path, "val_bpb").write(ROWS, 3, START)
    kept = (HEADER + EARLIER + NOTE).replace("\n", "\r\n") + text(1, 2, 3)
    assert path.read_bytes() == kept.encode()


def test_rows_whose_line_ends_were_changed_are_still_there(path: Path, table: ResultsTable) -> None:
    mine = (HEADER + EARLIER + text(1, 2, 3)).replace("\n", "\r\n").encode()
    path.write_bytes(mine)
    assert ResultsTable(path, "val_bpb").write(ROWS, 3, START) == ""
    assert path.read_bytes() == mine


def test_a_carriage_return_within_a_row_of_the_user_divides_no_row(
    path: Path, table: ResultsTable
) -> None:
    mine = (NOTE[:-1] + "\r0000002\tis better\n").encode()
    path.write_bytes((HEADER + EARLIER + text(1, 3)).encode() + mine)
    assert "yours-1" in ResultsTable(path, "val_bpb").write(ROWS, 3, START)
    assert path.read_bytes() == (HEADER + EARLIER).encode() + mine + text(1, 2, 3).encode()
