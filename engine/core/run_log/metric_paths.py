"""Finds a metric at a path of keys in JSON content, or in a column of a table of a file."""

from __future__ import annotations

import csv
from typing import Any

from engine.core.run_log.metric_lines import TEXT_CHARACTERS, Occurrence, Refusal
from engine.core.run_log.metric_objects import value_of
from engine.core.run_log.values import read_value


def at_path(number: int, line: str, content: Any, path: str) -> list[Occurrence | Refusal]:
    """Return what JSON content has at a path of keys; a list there is a series of values."""
    text = line.strip()[:TEXT_CHARACTERS]
    found = _resolve(content, path.split("."))
    if found is _NOTHING:
        return []
    series = found if isinstance(found, list) and found else [found]
    items: list[Occurrence | Refusal] = []
    for item in series:
        value = value_of(item)
        items.append(
            Refusal(number, text, value)
            if isinstance(value, str)
            else Occurrence(number, text, value, 0)
        )
    return items


_NOTHING = object()


def _resolve(node: Any, keys: list[str]) -> Any:
    """Return the value below a node at a path of keys; `_NOTHING` where there is none."""
    if not keys:
        return node
    if isinstance(node, list):
        try:
            return _resolve(node[int(keys[0])], keys[1:])
        except (ValueError, IndexError):
            return _NOTHING
    if isinstance(node, dict):
        # A key may itself have dots.
        for count in range(len(keys), 0, -1):
            key = ".".join(keys[:count])
            if key in node:
                return _resolve(node[key], keys[count:])
    return _NOTHING


def in_table(text: str, delimiter: str, column: str) -> list[Occurrence | Refusal]:
    """Return the values in a column of a table whose first line is its heading."""
    items: list[Occurrence | Refusal] = []
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        return [Refusal(0, "", f"it is not a table ({error})")]
    if not rows or column not in rows[0]:
        headings = ", ".join(rows[0][:12]) if rows else "none"
        return [Refusal(1, headings, f"there is no column {column}")]
    at = rows[0].index(column)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) <= at or not row[at].strip():
            continue  # a logger leaves cells empty where a step has no such figure
        value = read_value(row[at])
        text_of = delimiter.join(row)[:TEXT_CHARACTERS]
        items.append(
            Refusal(number, text_of, value)
            if isinstance(value, str)
            else Occurrence(number, text_of, value, 0)
        )
    return items
