"""Reads JSON and JSON Lines with a record per experiment as the lines of a tab-separated table.

pi-autoresearch writes `autoresearch.jsonl`: a line `{"type": "config", "metricName": …}` begins a
segment, and each of the runs after it has a `metric` and further `metrics`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.enums import Direction
from engine.core.table.model import BadRow

_DEPTHS = (4, 2, 1, 0)
"""Levels of objects within records that become columns of their own, fewer if there are many."""
_MOST_COLUMNS = 200
_TEXT_KEPT = 2000
_UNPACKED = "metrics"
"""Key of a record's further metrics, whose names are used without this prefix."""
_DIRECTIONS = {
    **dict.fromkeys(("lower", "min", "minimize", "minimise", "down"), Direction.MIN),
    **dict.fromkeys(("higher", "max", "maximize", "maximise", "up"), Direction.MAX),
}
_to_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass
class JsonTable:
    """The records of a JSON file as the lines of a tab-separated table."""

    kind: str
    """`JSON` or `JSON Lines`."""
    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """For each of `lines` the line in the file, or the number of the record in JSON."""
    headers: set[int] = field(default_factory=set)
    """Indices of `lines` that are headers."""
    metrics: dict[str, tuple[int, Direction | None]] = field(default_factory=dict)
    """The metrics that the file itself names, with their numbers of records and directions."""
    bad: list[BadRow] = field(default_factory=list)
    others: int = 0
    """Number of records that are not experiments."""

    @property
    def metric(self) -> str | None:
        """Return the metric of most records, as the file names it; None if it names none."""
        return max(self.metrics, key=lambda name: self.metrics[name][0], default=None)


@dataclass
class _Segment:
    """Records under one line of configuration."""

    number: int
    config: Mapping[str, Any]
    records: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)


def direction_word(text: str) -> Direction | None:
    """Return the direction that a word such as `lower` or `maximize` stands for, else None."""
    return _DIRECTIONS.get(text.strip().lower())


def read_records(text: str) -> JsonTable | None:
    """Return the records of a JSON or JSON Lines text; None if it is neither.

    Args:
        text: The text of the file.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    whole = _loaded(text)
    if whole is not None:
        records = _records_in(whole)
        return _table("JSON", enumerate(records, 1), []) if records else None
    good: list[tuple[int, Any]] = []
    bad: list[BadRow] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        record = _loaded(line)
        if isinstance(record, dict):
            good.append((number, record))
        else:
            bad.append(BadRow(line=number, text=line[:_TEXT_KEPT], reason="not a JSON object"))
    return _table("JSON Lines", good, bad) if len(good) > len(bad) else None


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _records_in(value: Any) -> list[dict[str, Any]]:
    """Return the longest list of objects in a JSON value: itself, or one of its members."""
    if isinstance(value, list):
        return [record for record in value if isinstance(record, dict)]
    if not isinstance(value, dict):
        return []
    lists = [_records_in(member) for member in value.values() if isinstance(member, list)]
    found = max(lists, key=len, default=[])
    if found or not value or not all(isinstance(member, dict) for member in value.values()):
        return found or [value]
    return [{"id": name, **record} for name, record in value.items()]


def _table(
    kind: str, records: Iterable[tuple[int, dict[str, Any]]], bad: list[BadRow]
) -> JsonTable:
    table = JsonTable(kind, bad=bad)
    segments = [_Segment(1, {})]
    for number, record in records:
        if record.get("type") == "config":
            segments.append(_Segment(number, record))
        elif "type" in record and "status" not in record and "metric" not in record:
            table.others += 1
        else:
            segments[-1].records.append((number, record))
    for segment in segments:
        _add(table, segment)
    return table


def _add(table: JsonTable, segment: _Segment) -> None:
    metric = _metric_name(segment.config)
    if metric is not None:
        direction = direction_word(str(segment.config.get("bestDirection", "")))
        count, known = table.metrics.get(metric, (0, None))
        table.metrics[metric] = (count + len(segment.records), known or direction)
    names: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    for depth in _DEPTHS:
        rows = [_cells(record, metric, depth) for _, record in segment.records]
        names = {name: None for cells in rows for name in cells}
        if len(names) <= _MOST_COLUMNS:
            break
    if not segment.records and metric is not None:
        names = dict.fromkeys(("commit", metric, "status", "description"))
    if not names:
        return
    table.headers.add(len(table.lines))
    table.lines.append("\t".join(names))
    table.numbers.append(segment.number)
    for (number, _), cells in zip(segment.records, rows, strict=True):
        table.lines.append("\t".join(cells.get(name, "") for name in names))
        table.numbers.append(number)


def _metric_name(config: Mapping[str, Any]) -> str | None:
    name = config.get("metricName")
    return _one_cell(name) if isinstance(name, str) and name.strip() else None


def _cells(record: Mapping[str, Any], metric: str | None, depth: int) -> dict[str, str]:
    """Return a record as cells by column name; members of objects have names such as `a.b`.

    Args:
        record: The record.
        metric: The name of its metric, if the file says it.
        depth: Levels of objects that become columns; deeper ones stay JSON.
    """
    found: dict[str, str] = {}
    for key, value in record.items():
        name = metric if key == "metric" and metric is not None else _one_cell(key)
        _flatten(name, value, found, depth)
    return found


def _flatten(name: str, value: Any, found: dict[str, str], depth: int) -> None:
    if isinstance(value, dict) and depth:
        for key, member in value.items():
            inner = _one_cell(str(key))
            plain = name == _UNPACKED and inner not in found
            _flatten(inner if plain else f"{name}.{inner}", member, found, depth - 1)
        return
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    else:
        text = _to_json(value)
    found[name] = _one_cell(text)


def _one_cell(text: str) -> str:
    """Return a text on one line, without NUL characters and unpaired surrogates."""
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return " ".join(plain.split())
