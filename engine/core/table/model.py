"""What a results.tsv holds once it was read, whatever it looked like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Direction


class RowVerdict(StrEnum):
    """What became of a row, in our words."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    OTHER = "other"
    """It ran, was skipped, or the table does not say."""


class Role(StrEnum):
    """What a column is for."""

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
    """A column of the table, named as the table names it."""

    name: str
    role: Role


class TableRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One experiment, as far as its row tells."""

    number: int
    """Its place among the rows, from 1."""
    line: int
    """The line it begins on, from 1."""
    commit: str = ""
    """As written: a hash, or `baseline`, `reverted`, `abc1234-dirty`."""
    value: float | None = None
    """The metric, always finite; None where it cannot be read, and for the 0 of a crash."""
    value_text: str = ""
    """The metric's cell as written."""
    memory_gb: float | None = None
    status: str = ""
    """The status as written."""
    verdict: RowVerdict = RowVerdict.OTHER
    description: str = ""
    category: str = ""
    at: datetime | None = None
    """When, if a column tells; a time without a zone is taken as UTC."""
    extras: Mapping[str, str] = {}
    """The cells of every column that has no field of its own here, as written."""
    flaw: str = ""
    """What is odd about the row though it could be read: fields missing, fields too many."""


class BadRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that is no row, no header and no comment."""

    line: int
    text: str
    """The line as written, cut at 2,000 characters."""
    reason: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that could be read."""

    metric: str | None
    """The name of the metric's column; None where the table has none."""
    direction: Direction
    metric_reason: str
    direction_reason: str
    columns: tuple[TableColumn, ...] = ()
    rows: tuple[TableRow, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the table should know: its encoding, comments, a second header."""
    problem: str = ""
    """Why nothing could be read as a table: it is empty, binary, or has no columns."""

    def has_column(self, role: Role) -> bool:
        """Whether some column has that role."""
        return any(column.role is role for column in self.columns)
