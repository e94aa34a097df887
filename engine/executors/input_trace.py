"""Reads which files, directories and packages the Python processes of a run opened."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from engine.untrusted_files import read_regular

INPUTS_NAME = "inputs.tsv"
"""The name of the list in the run's directory, which `python_start/sitecustomize.py` writes."""
_MOST_BYTES = 1 << 26


class InputTrace(msgspec.Struct, frozen=True):
    """Which paths the Python processes of a run opened; empty where no Python kept the list."""

    read: tuple[str, ...] = ()
    """Absolute paths of files that were opened for reading."""
    listed: tuple[str, ...] = ()
    """Absolute paths of directories whose entries were listed."""
    wrote: frozenset[str] = frozenset()
    """Absolute paths of files that the run itself wrote."""
    packages: tuple[str, ...] = ()
    """Paths of imported packages below a `site-packages` directory."""
    is_whole: bool = True
    """False where a process opened more files than are listed."""


def read_inputs(run_directory: Path) -> InputTrace:
    """Return what the list of a run says; nothing where there is none, or a damaged one.

    Args:
        run_directory: The directory of the run's files.
    """
    try:
        text = os.fsdecode(read_regular(run_directory / INPUTS_NAME, _MOST_BYTES))
    except OSError:
        return InputTrace()
    paths: dict[str, dict[str, None]] = {}
    for line in text.split("\n"):
        kind, _, path = line.partition("\t")
        if kind == "full" or "\0" not in path:
            paths.setdefault(kind, {})[os.path.normpath(path)] = None
    return InputTrace(
        read=tuple(paths.get("read", ())),
        listed=tuple(paths.get("listed", ())),
        wrote=frozenset(paths.get("wrote", ())),
        packages=tuple(paths.get("package", ())),
        is_whole="full" not in paths,
    )
