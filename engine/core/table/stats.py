"""What a table tells as a whole: baseline, best, incumbents, and whether it still improves."""

from __future__ import annotations

from collections import Counter

import msgspec

from engine.core.enums import Direction
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.table.roles import never_zero


class TableCounts(msgspec.Struct, frozen=True):
    """Rows by verdict."""

    keep: int = 0
    discard: int = 0
    crash: int = 0
    other: int = 0
    total: int = 0


class TableKeep(msgspec.Struct, frozen=True):
    """A keep, and what it was worth."""

    number: int
    value: float
    gain: float | None
    """Against the keep before it, in metric units; None for the first."""


class Trend(msgspec.Struct, frozen=True):
    """The last third of the rows against those before."""

    before: float | None
    """The best value of the first two thirds."""
    recent: float | None
    """The best value of the last third."""
    gain: float | None
    """How much better `recent` is than `before`; negative when it is worse."""
    keeps_before: int
    keeps_recent: int

    @property
    def improving(self) -> bool:
        """Whether the last third brought a new best."""
        return self.gain is not None and self.gain > 0


class TableStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a table."""

    counts: TableCounts
    bad: int
    baseline: TableRow | None
    """The first row with a credible value that was not thrown away."""
    best: TableRow | None
    incumbents: tuple[int, ...]
    """For each row the number of the row that stood after it; 0 where none did."""
    keeps: tuple[TableKeep, ...]
    keep_rate: float | None
    """Of the rows that were decided, the share that was kept."""
    since_keep: int
    """How many rows came after the last keep."""
    plateau: int
    """How many discards in a row there are at the end; crashes between them do not count."""
    trend: Trend


def credible(table: Table) -> list[bool]:
    """For each row whether its value may be a best: never a crash's, a discard's, or a placeholder.

    A 0 is believed of a kept row whose metric can be 0; a lone -1 among positive values never,
    unless the row was kept.
    """
    can_be_zero = table.metric is not None and not never_zero(table.metric)
    signed = any(row.value is not None and row.value < 0 and row.value != -1 for row in table.rows)
    return [_credible(row, can_be_zero, signed) for row in table.rows]


def _credible(row: TableRow, can_be_zero: bool, signed: bool) -> bool:
    if row.value is None or row.verdict not in (RowVerdict.KEEP, RowVerdict.OTHER):
        return False
    kept = row.verdict is RowVerdict.KEEP
    if row.value == 0:
        return kept and can_be_zero
    return row.value > 0 or kept or signed


def summarise(table: Table) -> TableStats:
    """All figures of a table."""
    direction = table.direction
    believed = credible(table)
    good = [row for row, ok in zip(table.rows, believed, strict=True) if ok]
    keeps = _keeps(table, believed)
    counts = _counts(table)
    decided = counts.keep + counts.discard + counts.crash
    since, plateau = _tail(table)
    return TableStats(
        counts=counts,
        bad=len(table.bad),
        baseline=good[0] if good else None,
        best=best_of(good, direction),
        incumbents=_incumbents(table, believed),
        keeps=keeps,
        keep_rate=counts.keep / decided if decided else None,
        since_keep=since,
        plateau=plateau,
        trend=_trend(table, believed),
    )


def best_of(rows: list[TableRow], direction: Direction) -> TableRow | None:
    """The best of rows that all have a value; the first of equals."""
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


def _keeps(table: Table, believed: list[bool]) -> tuple[TableKeep, ...]:
    keeps: list[TableKeep] = []
    for row, ok in zip(table.rows, believed, strict=True):
        if ok and row.verdict is RowVerdict.KEEP and row.value is not None:
            gain = table.direction.gain(row.value, keeps[-1].value) if keeps else None
            keeps.append(TableKeep(row.number, row.value, gain))
    return tuple(keeps)


def _incumbents(table: Table, believed: list[bool]) -> tuple[int, ...]:
    """The last keep at each row; in a table that keeps nothing, the best so far."""
    decides = any(row.verdict is RowVerdict.KEEP for row in table.rows)
    incumbents: list[int] = []
    standing: TableRow | None = None
    for row, ok in zip(table.rows, believed, strict=True):
        if ok:
            if decides:
                standing = row if row.verdict is RowVerdict.KEEP else standing
            else:
                standing = best_of([standing, row] if standing else [row], table.direction)
        incumbents.append(standing.number if standing is not None else 0)
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


def _trend(table: Table, believed: list[bool]) -> Trend:
    cut = len(table.rows) - len(table.rows) // 3
    pairs = list(zip(table.rows, believed, strict=True))
    before = best_of([row for row, ok in pairs[:cut] if ok], table.direction)
    recent = best_of([row for row, ok in pairs[cut:] if ok], table.direction)
    old = before.value if before is not None else None
    new = recent.value if recent is not None else None
    return Trend(
        before=old,
        recent=new,
        gain=table.direction.gain(new, old) if old is not None and new is not None else None,
        keeps_before=sum(row.verdict is RowVerdict.KEEP for row in table.rows[:cut]),
        keeps_recent=sum(row.verdict is RowVerdict.KEEP for row in table.rows[cut:]),
    )
