"""Infers whether a lower or a higher metric is better, from its name or from the kept rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of, normalise
from engine.core.table.json_records import direction_word
from engine.core.table.model import RowVerdict, TableRow

_KEEP_WEIGHT, _DISCARD_WEIGHT = 2, 1
_MIN_VOTES = 8
_CLEAR_SHARE = 0.85
_LEAST_SHARE = 2 / 3
_COLUMNS = frozenset(("metric_direction", "direction", "best_direction", "optimization_direction"))
"""Names of columns whose cells say which way the metric improves."""
UNKNOWN = "unknown"
"""The reason where nothing tells which way the metric improves."""


def infer_direction(metric: str | None, rows: Sequence[TableRow]) -> tuple[Direction | None, str]:
    """Return which way a table's metric improves, and the reason as a phrase for the user.

    A name is overruled only by rows that clearly show the opposite, such as a `score` of which
    every lower one was kept, and by a column that says it. None if nothing tells.
    """
    for name in rows[0].extras if rows else ():
        if normalise(name) in _COLUMNS:
            words = {row.extras.get(name, "").lower() for row in rows if row.value is not None}
            found = {direction_word(word) for word in words}
            if len(found) == 1 and (stated := found.pop()) is not None:
                return stated, f'column {name} says "{words.pop()}"'
    named = direction_of(metric) if metric is not None else None
    down, up = _votes(rows)
    total = down + up
    moved = Direction.MIN if down >= up else Direction.MAX
    share = max(down, up) / total if total else 0.0
    if named is not None:
        if moved is not named and total >= _MIN_VOTES and share >= _CLEAR_SHARE:
            return moved, f"{_kept(moved)}, contrary to its name"
        return named, "by its name"
    if total and share >= _LEAST_SHARE:
        return moved, _kept(moved)
    return None, UNKNOWN


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
