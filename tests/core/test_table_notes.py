"""What the reader of a table is told about how it was read."""

from __future__ import annotations

import pytest

from engine.core.enums import Direction
from engine.core.table import read_table
from engine.core.table.model import Role

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
ROW = "a1a1a1a\t0.99\t4.0\tkeep\tidea\n"


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (HEADER + ROW, ()),
        (HEADER + ROW + "# a note\n", ("1 comment",)),
        (HEADER + ROW + "# a note\n# another\n", ("2 comments",)),
        (HEADER + ROW + HEADER + ROW, ("1 repeated header",)),
        (HEADER + ROW + (HEADER + ROW) * 2, ("2 repeated headers",)),
        (
            (HEADER + ROW).replace("\t", ","),
            ("the columns are separated by commas",),
        ),
        (ROW * 2, ("there is no header; columns are identified by their cells",)),
        (
            HEADER + ROW + "a1a1a1a\t0.98\t4.0\tkeep\n",
            ("1 row with too few or too many fields",),
        ),
    ],
)
def test_notes_say_how_a_table_differs_from_the_usual_one(
    text: str, notes: tuple[str, ...]
) -> None:
    assert read_table(text.encode()).notes == notes


def test_another_schema_is_noted_with_its_first_lines() -> None:
    other = "commit\tval_loss\tstatus\tseconds\tnote\nb2b2b2b\t2.5\tkeep\t30\tx\n"
    table = read_table((HEADER + ROW + other).encode())
    assert table.notes == (
        "another header in line 3",
        "1 row has another metric (val_loss), which is not compared",
    )
    assert len(table.rows) == 2
    assert [column.name for column in table.columns][:5] == HEADER.strip().split("\t")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is empty"),
        (b"  \n\n", "it is empty"),
        (b"\x00\x01\x02\x03" * 50, "it is binary, not text"),
        (b"just prose without columns\n", "its lines have no columns"),
    ],
)
def test_a_file_without_a_table_says_what_it_is(data: bytes, problem: str) -> None:
    table = read_table(data, direction=Direction.MAX)
    assert table.problem == problem
    assert (table.metric, table.rows) == (None, ())
    assert (table.direction, table.direction_reason) == (Direction.MAX, "as asked")
    assert read_table(data).direction is Direction.MIN
    assert read_table(data).direction_reason == "unknown"


def test_lines_without_columns_are_kept_as_unread() -> None:
    table = read_table(b"first line of prose\n\nsecond line\n")
    assert [(bad.line, bad.text, bad.reason) for bad in table.bad] == [
        (1, "first line of prose", "no columns"),
        (3, "second line", "no columns"),
    ]


def test_a_column_that_only_one_schema_knows_is_there_with_its_role() -> None:
    table = read_table((HEADER + ROW).encode())
    assert [column.role for column in table.columns] == [
        Role.COMMIT,
        Role.METRIC,
        Role.MEMORY,
        Role.STATUS,
        Role.DESCRIPTION,
    ]
