"""Computes a results table's baseline, best, incumbents, plateau and trend."""

from __future__ import annotations

from collections import Counter

import msgspec

from engine.core.enums import Direction
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.table.roles import never_zero


class TableCounts(msgspec.Struct, frozen=True):
    """Numbers of a table's rows by verdict; lines that could not be read are not counted."""

    keep: int = 0
    discard: int = 0
    crash: int = 0
    other: int = 0
    total: int = 0


class TableKeep(msgspec.Struct, frozen=True):
    """A kept row with a credible value: its number, its value and its gain."""

    number: int
    value: float
    gain: float | None
    """Gain over the previous keep in metric units, positive is better; None for the first."""


class Trend(msgspec.Struct, frozen=True):
    """A comparison of the last third of a table's rows with the rows before it."""

    before: float | None
    """The best credible value of the first two thirds; None without one."""
    recent: float | None
    """The best credible value of the last third; None without one."""
    gain: float | None
    """The gain of `recent` over `before`, negative if it is worse; None if one of them is None."""
    keeps_before: int
    keeps_recent: int

    @property
    def improving(self) -> bool:
        """Return whether the last third of the rows has a better value than all rows before."""
        return self.gain is not None and self.gain > 0


class TableStats(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of a results table, from `summarise`."""

    counts: TableCounts
    bad: int
    baseline: TableRow | None
    """The first row with a credible value that was not discarded; None without one."""
    best: TableRow | None
    incumbents: tuple[int, ...]
    """For each row, the number of the row that is the incumbent after it; 0: none yet."""
    keeps: tuple[TableKeep, ...]
    keep_rate: float | None
    """Share (0 to 1) of keeps among keeps, discards and crashes; None without any of them."""
    since_keep: int
    """Number of rows after the last keep."""
    plateau: int
    """Number of discards in a row at the table's end; crashes between them are skipped."""
    trend: Trend


def credible(table: Table) -> list[bool]:
    """Return for each row whether its value may count as the best so far.

    Values of crashes and discards may not, nor those of rows without a status in a table with
    keeps. A 0 may only in a kept row, and if the metric can be 0. A negative value may in a kept
    row, or if the table has a negative value other than -1.
    """
    can_be_zero = table.metric is not None and not never_zero(table.metric)
    signed = any(row.value is not None and row.value < 0 and row.value != -1 for row in table.rows)
    has_keeps = any(row.verdict is RowVerdict.KEEP for row in table.rows)
    return [
        _credible(row, can_be_zero, signed) and bool(row.status or not has_keeps)
        for row in table.rows
    ]


def _credible(row: TableRow, can_be_zero: bool, signed: bool) -> bool:
    if row.value is None or row.verdict not in (RowVerdict.KEEP, RowVerdict.OTHER):
        return False
    kept = row.verdict is RowVerdict.KEEP
    if row.value == 0:
        return kept and can_be_zero
    return row.value > 0 or kept or signed


def summarise(table: Table) -> TableStats:
    """Return the counts, baseline, best, incumbents, keeps, plateau and trend of a table."""
    is_credible = credible(table)
    credible_rows = [row for row, ok in zip(table.rows, is_credible, strict=True) if ok]
    keeps = _keeps(table, is_credible)
    counts = _counts(table)
    decided = counts.keep + counts.discard + counts.crash
    since, plateau = _tail(table)
    return TableStats(
        counts=counts,
        bad=len(table.bad),
        baseline=credible_rows[0] if credible_rows else None,
        best=best_of(credible_rows, table.direction) if table.direction_known else None,
        incumbents=_incumbents(table, is_credible),
        keeps=keeps,
        keep_rate=counts.keep / decided if decided else None,
        since_keep=since,
        plateau=plateau,
        trend=_trend(table, is_credible),
    )


def best_of(rows: list[TableRow], direction: Direction) -> TableRow | None:
    """Return the row with the best value, the first of equal ones; None if no row has a value."""
    best: TableRow | None = None
    for row in rows:
        if row.value is None:
            continue
        if best is None or best.value is None or direction.gain(row.value, best.value) > 0:
            best = row
    return best


def _counts(table: Table) -> TableCounts:
    found = Counter(row.verdict for row in table.rows)
    return TableCounts(
        keep=found[RowVerdict.KEEP],
        discard=found[RowVerdict.DISCARD],
        crash=found[RowVerdict.CRASH],
        other=found[RowVerdict.OTHER],
        total=len(table.rows),
    )


def _keeps(table: Table, is_credible: list[bool]) -> tuple[TableKeep, ...]:
    keeps: list[TableKeep] = []
    for row, ok in zip(table.rows, is_credible, strict=True):
        if ok and row.verdict is RowVerdict.KEEP and row.value is not None:
            gain = (
                table.direction.gain(row.value, keeps[-1].value)
                if keeps and table.direction_known
                else None
            )
            keeps.append(TableKeep(row.number, row.value, gain))
    return tuple(keeps)


def _incumbents(table: Table, is_credible: list[bool]) -> tuple[int, ...]:
    """Return for each row the number of the last keep up to it; 0 without one.

    In a table without any keep it is the row with the best value so far.
    """
    has_keeps = any(row.verdict is RowVerdict.KEEP for row in table.rows)
    incumbents: list[int] = []
    incumbent: TableRow | None = None
    for row, ok in zip(table.rows, is_credible, strict=True):
        if ok:
            if has_keeps:
                incumbent = row if row.verdict is RowVerdict.KEEP else incumbent
            elif table.direction_known:
                incumbent = best_of([incumbent, row] if incumbent else [row], table.direction)
        incumbents.append(incumbent.number if incumbent is not None else 0)
    return tuple(incumbents)


def _tail(table: Table) -> tuple[int, int]:
    since = plateau = 0
    counting = True
    for row in reversed(table.rows):
        if row.verdict is RowVerdict.KEEP:
            break
        since += 1
        counting = counting and row.verdict in (RowVerdict.DISCARD, RowVerdict.CRASH)
        plateau += counting and row.verdict is RowVerdict.DISCARD
    return since, plateau


def _trend(table: Table, is_credible: list[bool]) -> Trend:
    cut = len(table.rows) - len(table.rows) // 3
    pairs = list(zip(table.rows, is_credible, strict=True))
    before = best_of([row for row, ok in pairs[:cut] if ok], table.direction)
    recent = best_of([row for row, ok in pairs[cut:] if ok], table.direction)
    if not table.direction_known:
        before = recent = None
    old = before.value if before is not None else None
    new = recent.value if recent is not None else None
    return Trend(
        before=old,
        recent=new,
        gain=table.direction.gain(new, old) if old is not None and new is not None else None,
        keeps_before=sum(row.verdict is RowVerdict.KEEP for row in table.rows[:cut]),
        keeps_recent=sum(row.verdict is RowVerdict.KEEP for row in table.rows[cut:]),
    )
