"""Appends the rows of results.tsv: five columns, one row per experiment, synced to the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.core.results_row import ResultsRow, format_row
from engine.store.durable import sync_directory
from engine.untrusted_files import open_regular


def header(metric: str) -> str:
    """Return the header line of results.tsv for a metric's name, without a newline."""
    return "\t".join(("commit", metric, "memory_gb", "status", "description"))


def is_ours(path: Path, metric: str) -> bool:
    """Return whether rows may be appended to a file: it is missing, empty, or begins with `header`.

    False if it begins with any other line or cannot be read.
    """
    try:
        with open(open_regular(path), "rb") as file:
            first = file.readline(4096)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not first or first.rstrip(b"\r\n") == header(metric).encode()


def append_row(path: Path, metric: str, row: ResultsRow) -> None:
    """Append an experiment's row to results.tsv and sync it; on failure nothing is appended.

    A new file gets the header first; an unfinished last line is ended first.

    Raises:
        OSError: The disk is full or read-only.
    """
    line = format_row(row) + "\n"
    with open(path, "ab+", opener=_open_no_link) as file:
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


def _open_no_link(path: str, flags: int) -> int:
    # A link could lead out of the workspace, and a pipe would be waited for.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def size(path: Path) -> int:
    """Return the size of results.tsv in bytes; 0 if there is none yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def has_row(path: Path, row: ResultsRow, after: int) -> bool:
    """Return whether exactly this row stands in results.tsv beyond its first `after` bytes.

    An engine killed between writing the row and recording the event leaves such a row.
    """
    wanted = format_row(row).encode("utf-8", "replace") + b"\n"
    try:
        with open(path, "rb") as file:
            file.seek(after)
            return any(line == wanted for line in file)
    except FileNotFoundError:
        return False
