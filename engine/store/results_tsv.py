"""Appends the rows of results.tsv, one per experiment, and puts back those that were changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from engine.core.results_row import ResultsRow, format_row
from engine.store.durable import keep_aside, sync_directory, write_durably
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


class ResultsTable:
    """The results table of a session, which the user and other programs may change meanwhile.

    Rows of other sessions and rows that the user adds stay, as do descriptions that the user
    rewords. A row of the session that was removed, or has another value or status, is put back.

    Args:
        path: The table.
        metric: The metric's name, the second column of its header.
    """

    def __init__(self, path: Path, metric: str) -> None:
        self._path = path
        self._metric = metric
        self._content = b""
        """The table's content when all rows were last found in it; empty before that."""
        self._count = 0
        """The number of the session's rows in `_content`."""
        self._stamp: tuple[int, ...] | None = None

    def is_untouched(self) -> bool:
        """Return whether the table is as it was when all rows were last found in it."""
        return self._stamp is not None and self._read_stamp() == self._stamp

    def write(self, rows: Sequence[ResultsRow], written: int, start: int) -> str:
        """Append the rows that the table lacks; put back those that it has lost.

        Where rows were lost, the changed table is kept beside the new one.

        Args:
            rows: The session's rows, in order.
            written: The number of rows, from the first, that were recorded as written.
            start: The size of the table in bytes before the session's first row.

        Returns:
            What happened to the table, to be put after its name; empty: nothing.

        Raises:
            OSError: The table is not a regular file, or cannot be read or written.
        """
        lost = ""
        if self.is_untouched():
            found = self._count
        else:
            data = _read(self._path)
            found = _count_rows(data, rows, start)
            if found < written:
                lost = self._put_back(data, rows, start)
                found = len(rows)
        for row in rows[found:]:
            append_row(self._path, self._metric, row)
        self._content, self._count, self._stamp = _read(self._path), len(rows), self._read_stamp()
        return lost

    def _put_back(self, data: bytes, rows: Sequence[ResultsRow], start: int) -> str:
        aside = keep_aside(self._path, f"{self._path.name}.yours")
        if self._content:
            content, missing = self._content, rows[self._count :]
        else:
            commits = {row.commit for row in rows}
            content, missing = _without_rows(data, self._metric, commits, start), rows
        if not content.endswith(b"\n"):
            content += b"\n"
        content += b"".join(_line(row) + b"\n" for row in missing)
        write_durably(self._path, content)
        return f"was changed (your version is kept as {aside.name})" if aside else "was deleted"

    def _read_stamp(self) -> tuple[int, ...] | None:
        try:
            found = os.lstat(self._path)
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def drop_rows(path: Path, metric: str, commits: Collection[str], start: int) -> Path | None:
    """Remove the rows of some commits from a results table, and keep the table beside it.

    Args:
        path: The table.
        metric: The metric's name, the second column of its header.
        commits: The full hashes of the commits.
        start: The size of the table in bytes before the session's first row.

    Returns:
        The path of the table as it was; None where it has no such row or is another table.

    Raises:
        OSError: The table is not a regular file, or cannot be read or written.
    """
    data = _read(path) if is_ours(path, metric) else b""
    content = _without_rows(data, metric, commits, start)
    if not data or content == data:
        return None
    aside = keep_aside(path, f"{path.name}.yours")
    write_durably(path, content)
    return aside


def _without_rows(data: bytes, metric: str, commits: Collection[str], start: int) -> bytes:
    """Return a table without the rows of some commits; only its header if it is another table."""
    wanted = header(metric).encode()
    first, _, rest = data.partition(b"\n")
    if first.rstrip(b"\r") != wanted:
        return wanted + b"\n"
    start = _start_of_line(data, start) or len(data) - len(rest)
    cells = {commit[:7].encode() for commit in commits}
    kept = [line for line in data[start:].split(b"\n") if line.split(b"\t")[0] not in cells]
    return data[:start] + b"\n".join(kept)


def _read(path: Path) -> bytes:
    try:
        with open(open_regular(path), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _line(row: ResultsRow) -> bytes:
    return format_row(row).encode("utf-8", "replace")


def _start_of_line(data: bytes, position: int) -> int:
    """Return where the line at a position of a table begins; 0 if the table is shorter.

    The position is within a line where an editor has changed the ends of the lines before it.
    """
    return data.rfind(b"\n", 0, position) + 1 if len(data) >= position else 0


def _count_rows(data: bytes, rows: Sequence[ResultsRow], start: int) -> int:
    """Return how many of the rows stand in a table, in order, before the first that does not.

    Args:
        data: The table's content.
        rows: The rows; their descriptions do not matter.
        start: The number of bytes before the first row, unless the table is shorter than that.
    """
    lines = iter(data[_start_of_line(data, start) :].split(b"\n"))
    for number, row in enumerate(rows):
        wanted = _line(row).rpartition(b"\t")[0] + b"\t"
        if not any(line.startswith(wanted) for line in lines):
            return number
    return len(rows)
