"""Exports a results table to clean TSV, CSV, JSON or Parquet."""

from __future__ import annotations

import importlib
import io
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from engine.core.errors import UsageError, WorkspaceError
from engine.core.table.clean import clean_header, clean_rows, to_csv, to_tsv
from engine.core.table.model import Table
from engine.core.table.plain_values import table_facts
from engine.store.durable import write_durably

FORMATS = ("tsv", "csv", "json", "parquet")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
"""Matches a whole number; one with a leading zero does not count, as it may be part of a hash."""
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


def format_of(path: Path) -> str:
    """Return the export format that a file's name ends in: `tsv`, `csv`, `json` or `parquet`.

    Raises:
        UsageError: The name ends in no known format.
    """
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        raise UsageError(
            f"{path.name} does not name a format.",
            "",
            f"End the name in {', '.join(f'.{f}' for f in FORMATS[:-1])} or .{FORMATS[-1]}.",
        )
    return name


def export_table(table: Table, path: Path, *, force: bool = False) -> None:
    """Write a table durably, in the format of the file's name.

    Args:
        table: The table; its bad rows are written to JSON only.
        path: The file to write; its suffix selects the format.
        force: Whether an existing file is replaced.

    Raises:
        UsageError: The format is unknown or needs a missing package; the file exists or is a
            directory; or its directory does not exist.
        WorkspaceError: The disk is full or read-only.
    """
    kind = format_of(path)
    if path.is_dir():
        raise UsageError(f"{path} is a directory.", "", "Name a file.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no directory {path.parent}.", "", "Create it first.")
    if not force and os.path.lexists(path):
        raise _exists(path)
    data = _to_bytes(table, kind)
    try:
        write_durably(path, data, replace=force)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.", f"{error.strerror or error}.", "Name another file."
        ) from error


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} exists already.", "", "Name another file, or add --force.")


def _to_bytes(table: Table, kind: str) -> bytes:
    match kind:
        case "tsv":
            return to_tsv(table).encode("utf-8", "replace")
        case "csv":
            return to_csv(table).encode("utf-8", "replace")
        case "json":
            return msgspec.json.format(msgspec.json.encode(table_facts(table)), indent=2) + b"\n"
        case _:
            return _to_parquet(table)


def _to_parquet(table: Table) -> bytes:
    try:
        # Optional, and slow to import.
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed.",
            "",
            'Install it with `pip install "autoresearch-tui[data]"`, or export .csv or .json.',
        ) from None
    header = clean_header(table)
    cells = list(clean_rows(table))
    columns: dict[str, Any] = {
        name: arrow.array([row[i] for row in cells], arrow.string())
        for i, name in enumerate(header)
    }
    written = {header[0], "status", "description", "category"}
    for index, name in enumerate(header):
        if name not in written and (numbers := _numbers([row[index] for row in cells])):
            columns[name] = arrow.array(numbers)
    columns[header[1]] = arrow.array([row.value for row in table.rows], arrow.float64())
    columns["memory_gb"] = arrow.array([row.memory_gb for row in table.rows], arrow.float64())
    out = io.BytesIO()
    parquet.write_table(arrow.table(columns), out)
    return out.getvalue()


def _numbers(cells: list[str]) -> list[float | int | None]:
    """Return a column's cells as numbers, None for empty ones; [] if any is not a plain number."""
    whole = all(_WHOLE.fullmatch(cell) for cell in cells if cell)
    if not any(cells) or not (whole or all(_PLAIN.fullmatch(cell) for cell in cells if cell)):
        return []
    kind = int if whole else float
    return [kind(cell) if cell else None for cell in cells]
