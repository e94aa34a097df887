"""Reads results tables from files, such as results.tsv, and exports them in several formats."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import msgspec

from engine.core.enums import Direction
from engine.core.errors import UsageError, WorkspaceError, unknown_direction
from engine.core.table.model import Table
from engine.core.table.read import read_table
from engine.store.table_export import FORMATS, export_table

__all__ = ["FORMATS", "MOST_BYTES", "export_table", "read_file"]

MOST_BYTES = 32 * 2**20
"""The most bytes read of a file: a session of 10,000 experiments has about one MB."""


def read_file(
    path: Path,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    needs_direction: bool = False,
) -> Table:
    """Read the results table in a file; beyond 32 MiB only the beginning, with a note.

    Args:
        path: The file, which may be a pipe.
        metric: The metric's column, if the user named it.
        direction: The direction of improvement, if the user gave it.
        needs_direction: Whether a direction that nothing tells is an error.

    Raises:
        WorkspaceError: There is no such file, or it cannot be read.
        UsageError: The file is not a results table, or has no column of the metric's name; or the
            direction is needed and unknown.
    """
    data, size = _read_bytes(path)
    table = read_table(data, metric=metric, direction=direction)
    if table.problem:
        raise UsageError(
            f"{path} is not a results table: {table.problem}.",
            "",
            "Name a results.tsv: a line for each experiment, with its metric and status.",
        )
    if metric is not None and table.metric_reason != "as asked":
        names = ", ".join(column.name for column in table.columns)
        raise UsageError(f"{path} has no column {metric!r}.", f"It has: {names}.")
    if needs_direction and not table.direction_known and _has_values(table):
        raise unknown_direction(table.metric or "the metric", f"Nothing in {path.name} tells it.")
    if size > len(data):
        note = f"only the first {len(data) / 2**20:.0f} of {size / 2**20:.0f} MiB were read"
        table = msgspec.structs.replace(table, notes=(note, *table.notes))
    return table


def _has_values(table: Table) -> bool:
    return any(row.value is not None for row in table.rows)


def _read_bytes(path: Path) -> tuple[bytes, int]:
    """Return a file's first 32 MiB, cut at a line end if there are more, and its size in bytes.

    Raises:
        WorkspaceError: There is no such file, or it cannot be read.
    """
    try:
        kind = os.stat(path).st_mode
        if stat.S_ISDIR(kind):
            raise WorkspaceError(f"{path} is a directory.", "", "Name the results.tsv in it.")
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise WorkspaceError(f"{path} is a device or a socket, not a file.")
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise WorkspaceError(
            f"There is no file or directory {path}.", "", "Name a workspace or a results.tsv."
        ) from None
    except OSError as error:
        why = error.strerror or errno.errorcode.get(error.errno or 0, "unknown")
        raise WorkspaceError(f"{path} cannot be read.", f"{why}.") from None
    if len(data) > MOST_BYTES:
        data = data[:MOST_BYTES]
        # Cut at a line end, because half a row would be read as a row.
        data = data[: data.rfind(b"\n") + 1] or data
    return data, size
