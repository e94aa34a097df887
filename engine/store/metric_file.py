"""Reads the file that holds a run's metric, if the run has written it.

The run controls the file: it is not followed through links, has a limited size, and counts only if
it was written after the worktree was prepared.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.untrusted_files import open_regular_below, read_regular, write_new

MOST_BYTES = 16 * 2**20
"""The most bytes that the file may have."""
_KEPT_NAME = "metric-file"
_UNWRITTEN_NS = 0
"""The modification time of a file that was there before the run."""


def mark_unwritten(directory: Path, name: str) -> None:
    """Mark the file as not written by the run, if the worktree has such a file before it.

    Args:
        directory: The directory of the worktree that corresponds to the workspace.
        name: The file's path in it; empty: the metric is in the log.
    """
    if not name:
        return
    try:
        descriptor = open_regular_below(directory, name)
    except OSError:
        return  # there is no such file, or none that would be read
    try:
        os.utime(descriptor, ns=(_UNWRITTEN_NS, _UNWRITTEN_NS))
    finally:
        os.close(descriptor)


def keep_metric_file(directory: Path, name: str, run_directory: Path) -> None:
    """Copy the file that the run wrote into the directory of the run's files.

    Args:
        directory: The directory of the worktree that corresponds to the workspace.
        name: The file's path in it.
        run_directory: The directory of the run's files.

    Raises:
        OSError: The run wrote no such file, or it is too large, a link, a pipe or a device; its
            `strerror` says which.
    """
    with os.fdopen(open_regular_below(directory, name), "rb") as file:
        if os.fstat(file.fileno()).st_mtime_ns == _UNWRITTEN_NS:
            raise OSError(0, "it was there before the run, which has not written it")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(0, f"it is larger than {MOST_BYTES:,} bytes")
    write_new(run_directory / _KEPT_NAME, data.decode("utf-8", "surrogateescape"))


def read_kept(run_directory: Path) -> str:
    """Return the text of the copy that `keep_metric_file` made.

    Raises:
        OSError: There is no copy.
    """
    return read_regular(run_directory / _KEPT_NAME, MOST_BYTES).decode("utf-8-sig", "replace")
