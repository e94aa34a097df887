"""Infers whether a lower or a higher metric is better, from its name or from the kept rows."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of
from engine.core.table.model import RowVerdict, TableRow

_KEEP_WEIGHT, _DISCARD_WEIGHT = 2, 1
_MIN_VOTES = 8
_CLEAR_SHARE = 0.85


def infer_direction(metric: str | None, rows: Iterable[TableRow]) -> tuple[Direction, str]:
    """Return which way a table's metric improves, and the reason as a phrase for the user.

    A name is overruled only by rows that clearly show the opposite, such as a `score` of which
    every lower one was kept. If nothing is known, lower is better.
    """
    named = direction_of(metric) if metric is not None else None
    down, up = _votes(rows)
    total = down + up
    moved = Direction.MIN if down >= up else Direction.MAX
    share = max(down, up) / total if total else 0.0
    if named is not None:
        if moved is not named and total >= _MIN_VOTES and share >= _CLEAR_SHARE:
            return moved, f"{_kept(moved)}, contrary to its name"
        return named, "by its name"
    if total and share > 0.5:
        return moved, _kept(moved)
    return Direction.MIN, "unknown; lower is assumed to be better"


def _kept(direction: Direction) -> str:
    return f"the {direction.better} values were kept"


def _votes(rows: Iterable[TableRow]) -> tuple[int, int]:
    """Return the weights of evidence that lower, and that higher values are better.

    Each row is compared with the keep before it: a keep counts 2, a discard 1.
    """
    down = up = 0
    kept: float | None = None
    for row in rows:
        if row.value is None or row.verdict not in (RowVerdict.KEEP, RowVerdict.DISCARD):
            continue
        is_keep = row.verdict is RowVerdict.KEEP
        if kept is not None and row.value != kept:
            weight = _KEEP_WEIGHT if is_keep else _DISCARD_WEIGHT
            if (row.value < kept) == is_keep:
                down += weight
            else:
                up += weight
        if is_keep:
            kept = row.value
    return down, up
