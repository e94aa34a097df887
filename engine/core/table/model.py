"""The types of a parsed results table: the table, its columns and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Direction


class RowVerdict(StrEnum):
    """The verdict that a row's status stands for."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    OTHER = "other"
    """Neither kept, discarded nor crashed: only run, skipped, or of unknown meaning."""


class Role(StrEnum):
    """The meaning of a table's column; `EXTRA` is any without a known one."""

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
    """A column of a results table: its name as written, and its inferred meaning."""

    name: str
    role: Role


class TableRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a results table, with its cells parsed."""

    number: int
    """Position among the table's rows, from 1; bad lines do not count."""
    line: int
    """Number of the row's first line in the file, from 1."""
    commit: str = ""
    """The commit cell as written: a hash, or `baseline`, `reverted`, `abc1234-dirty`."""
    value: float | None = None
    """The metric, always finite; None if it cannot be parsed, and for the 0 of a crash."""
    value_text: str = ""
    """The metric's cell as written."""
    memory_gb: float | None = None
    status: str = ""
    """The status cell as written, such as `keep (new best)`."""
    verdict: RowVerdict = RowVerdict.OTHER
    description: str = ""
    category: str = ""
    at: datetime | None = None
    """Time from the row's time column, UTC where it names no zone; None if there is none."""
    extras: Mapping[str, str] = {}
    """Cells as written of the columns without a field in this class, by column name."""
    flaw: str = ""
    """An irregularity such as missing or surplus fields, as a phrase; empty for a regular row."""


class BadRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that is neither a row nor a header nor a comment."""

    line: int
    text: str
    """The line as written, cut after 2,000 characters."""
    reason: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed results table: its columns, its rows and the lines that could not be read."""

    metric: str | None
    """Name of the metric's column; None if no column is a metric."""
    direction: Direction
    metric_reason: str
    direction_reason: str
    direction_known: bool = True
    """False if nothing tells which way the metric improves; `direction` then means nothing."""
    columns: tuple[TableColumn, ...] = ()
    rows: tuple[TableRow, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes for the user on the file, such as its encoding, comments or a second header."""
    problem: str = ""
    """Why the file is not a results table, such as `it is empty`; empty if it is one."""

    def has_column(self, role: Role) -> bool:
        """Return whether any column of the table has the given role."""
        return any(column.role is role for column in self.columns)
