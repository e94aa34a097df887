"""The types of a parsed results table: the table, its columns and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Direction


class RowVerdict(StrEnum):
    """The verdict of a row."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    OTHER = "other"
    """Only run, skipped, or unknown."""


class Role(StrEnum):
    """The meaning of a column."""

    COMMIT = "commit"
    METRIC = "metric"
    MEMORY = "memory"
    STATUS = "status"
    DESCRIPTION = "description"
    NUMBER = "number"
    TIME = "time"
    DURATION = "duration"
    CATEGORY = "category"
    EXTRA = "extra"


class TableColumn(msgspec.Struct, frozen=True):
    """A column with its name in the table."""

    name: str
    role: Role


class TableRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The row of one experiment."""

    number: int
    """Position among the rows, from 1."""
    line: int
    """First line of the row, from 1."""
    commit: str = ""
    """The cell as written: a hash, or `baseline`, `reverted`, `abc1234-dirty`."""
    value: float | None = None
    """The metric, always finite; None if it cannot be parsed, and for the 0 of a crash."""
    value_text: str = ""
    """The metric's cell as written."""
    memory_gb: float | None = None
    status: str = ""
    """The status as written."""
    verdict: RowVerdict = RowVerdict.OTHER
    description: str = ""
    category: str = ""
    at: datetime | None = None
    """The time, if a column has it; without a zone it is assumed to be UTC."""
    extras: Mapping[str, str] = {}
    """The cells of all columns without a field in this class, as written."""
    flaw: str = ""
    """An irregularity of the row: missing or surplus fields."""


class BadRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that is neither a row nor a header nor a comment."""

    line: int
    text: str
    """The line as written, cut at 2,000 characters."""
    reason: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A results table."""

    metric: str | None
    """The name of the metric's column; None without one."""
    direction: Direction
    metric_reason: str
    direction_reason: str
    columns: tuple[TableColumn, ...] = ()
    rows: tuple[TableRow, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes on the table: its encoding, comments, a second header."""
    problem: str = ""
    """Why the file is not a table: it is empty, binary, or has no columns."""

    def has_column(self, role: Role) -> bool:
        """Return whether a column has a role."""
        return any(column.role is role for column in self.columns)
