"""Finds the files of a workspace that hold its dependencies and its tokenizer, to be locked."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.core.task_files import DEPENDENCIES, TOKENIZER_DIRECTORIES, is_tokenizer

_MOST_BYTES = 64 * 2**20
"""The size up to which a tokenizer's file is locked, since it is read before each run."""
_MOST_FILES = 100


def find_task_files(workspace: Path) -> list[str]:
    """Return the names of the files that hold a workspace's dependencies and its tokenizer."""
    found = [name for name in DEPENDENCIES if (workspace / name).is_file()]
    for directory in ("", *TOKENIZER_DIRECTORIES):
        with contextlib.suppress(OSError):
            for entry in sorted(os.scandir(workspace / directory), key=lambda entry: entry.name):
                wanted = not entry.name.startswith(".") and (directory or is_tokenizer(entry.name))
                if wanted and entry.is_file() and entry.stat().st_size <= _MOST_BYTES:
                    found.append(os.path.join(directory, entry.name))
    return found[:_MOST_FILES]
