"""results.tsv in its usual format: five columns, one row per experiment, appended and fsynced."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.core.results_row import ResultsRow, format_row
from engine.store.durable import sync_directory


def header(metric: str) -> str:
    """Return the header line without its newline."""
    return "\t".join(("commit", metric, "memory_gb", "status", "description"))


def is_ours(path: Path, metric: str) -> bool:
    """Return whether a file is missing, empty, or begins with exactly this header."""
    try:
        with open(path, "rb") as file:
            first = file.readline(4096)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not first or first.rstrip(b"\r\n") == header(metric).encode()


def append_row(path: Path, metric: str, row: ResultsRow) -> None:
    """Append a row and sync it.

    A new file gets the header first; an unfinished last line is ended first.

    Raises:
        OSError: The disk is full or read-only.
    """
    line = format_row(row) + "\n"
    with open(path, "ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            line = header(metric) + "\n" + line
        else:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                line = "\n" + line
        try:
            file.write(line.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
            if size == 0:
                sync_directory(path.parent)
        except OSError:
            # An incomplete row would be read as a complete one.
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), size)
            raise


def size(path: Path) -> int:
    """Return the size of the file in bytes; 0 if there is none yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def has_row(path: Path, row: ResultsRow, after: int) -> bool:
    """Return whether exactly this row was written beyond a size of the file.

    An engine killed between writing the row and recording the event leaves such a row.
    """
    wanted = format_row(row).encode("utf-8", "replace") + b"\n"
    try:
        with open(path, "rb") as file:
            file.seek(after)
            return any(line == wanted for line in file)
    except FileNotFoundError:
        return False
