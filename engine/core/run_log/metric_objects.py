"""Finds a metric in the JSON objects and Python dicts that a line of a log holds."""

from __future__ import annotations

import ast
import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from engine.core.run_log.values import PrintedValue, read_value

_MOST_NODES = 5000
_DATA_SETS = ("train", "val", "valid", "validation", "eval", "evaluation", "test", "dev")


def parse_object(line: str) -> Any:
    """Return the JSON object, list or Python dict that a line holds; None if it holds none."""
    starts = [at for at in (line.find("{"), line.find("[")) if at >= 0]
    for start in sorted(starts):
        end = line.rfind("}" if line[start] == "{" else "]") + 1
        text = line[start:end]
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def leaves(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values inside nested objects, each with the keys that lead to it."""
    pending: deque[tuple[tuple[str, ...], Any]] = deque([((), value)])
    for _ in range(_MOST_NODES):
        if not pending:
            return
        path, node = pending.popleft()
        if isinstance(node, dict):
            pending.extend(((*path, str(key)), inner) for key, inner in node.items())
        else:
            yield path, node


def find_in_objects(
    line: str, name: re.Pattern[str], asked: str
) -> list[tuple[PrintedValue, str, str] | str]:
    """Return the metric's value in the object that a line holds.

    Args:
        line: The line, with a `{` in it.
        name: The pattern that the metric's key matches.
        asked: The metric's name.

    Returns:
        Nothing, where the line holds no object or the object has no such key. Else one item: the
        value with its key and the data set that holds it, or a sentence why it has no value.
    """
    content = parse_object(line)
    if content is None:
        return []
    matches: list[tuple[tuple[str, ...], str, Any]] = []
    for path, value in leaves(content):
        if not path:
            continue
        key = next(
            (k for k in (path[-1], ".".join(path), "/".join(path)) if name.fullmatch(k)), None
        )
        if key is not None:
            matches.append((path, key, value))
    if not matches:
        return []
    exact = [m for m in matches if m[1] == asked] or matches
    least = min(len(path) for path, _, _ in exact)
    top = [m for m in exact if len(m[0]) == least]
    if len(top) > 1:
        places = [".".join(path) for path, _, _ in top[:4]]
        return [f"it is at {' and '.join(places)}: name one with --metric-from json:{places[-1]}"]
    path, key, value = top[0]
    number = value_of(value)
    if isinstance(number, str):
        return [number]
    parents = [p.lower() for p in path[:-1]]
    return [(number, key, next((p for p in parents if p in _DATA_SETS), ""))]


def value_of(value: Any) -> PrintedValue | str:
    """Return a parsed JSON or Python value as a number, or a sentence why it is none."""
    if isinstance(value, bool) or value is None:
        return f"`{value}` is not a number"
    if isinstance(value, int | float):
        printed = repr(value)[:40]
        try:
            return PrintedValue(float(value), printed, len(printed))
        except OverflowError:
            return f"`{printed}` is too large"
    if isinstance(value, list | tuple):
        if len(value) == 1:
            return value_of(value[0])
        return f"it is a list of {len(value)} values"
    if isinstance(value, str):
        return read_value(value)
    return f"`{str(value)[:30]}` is not a number"
