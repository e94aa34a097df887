"""Makes each Python of a run import the worktree's modules and list the edited files it opens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from engine.executors.input_trace import INPUTS_NAME
from engine.executors.worktree_paths import WorktreePaths
from engine.untrusted_files import read_regular

TRACE_NAME = "opened.tsv"
"""The name of the list in the run's directory."""
_START_DIRECTORY = Path(__file__).with_name("python_start")
_MOST_BYTES = 1 << 20


class EditTrace(msgspec.Struct, frozen=True):
    """Which files with the name of an edited file the Python processes of a run opened."""

    pythons: tuple[str, ...] = ()
    """The interpreters that kept the list; empty where no Python did, so that nothing is known."""
    edited: tuple[str, ...] = ()
    """The edited files of the worktree, relative to its top."""
    others: tuple[str, ...] = ()
    """Paths of other files with the same name, such as those of the user's checkout."""


def trace_settings(
    paths: WorktreePaths, run_directory: Path, edited: Iterable[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that make each Python of a run keep the lists of what it opens.

    Args:
        paths: The run's checkout and worktree.
        run_directory: The directory of the run's files, where the lists are kept.
        edited: The editable files, relative to the top of the repository.
        environ: The environment of the run, which may have a PYTHONPATH.
    """
    path = environ.get("PYTHONPATH")
    return {
        "PYTHONPATH": os.pathsep.join((str(_START_DIRECTORY), *((path,) if path else ()))),
        "AUTORESEARCH_CHECKOUT": paths.checkouts[-1],
        "AUTORESEARCH_WORKTREE": paths.worktree,
        "AUTORESEARCH_EDITED": "\n".join(edited),
        "AUTORESEARCH_OPENED": str(run_directory / TRACE_NAME),
        "AUTORESEARCH_INPUTS": str(run_directory / INPUTS_NAME),
    }


def read_trace(run_directory: Path, paths: WorktreePaths, edited: Iterable[str]) -> EditTrace:
    """Return what the list of a run says so far; nothing where there is none, or a damaged one.

    Args:
        run_directory: The directory of the run's files.
        paths: The run's checkout and worktree.
        edited: The editable files, relative to the top of the repository.
    """
    try:
        text = os.fsdecode(read_regular(run_directory / TRACE_NAME, _MOST_BYTES))
    except OSError:
        return EditTrace()
    rows = [line.partition("\t") for line in text.split("\n")]
    opened = [value for kind, _, value in rows if kind == "opened"]
    ours = {os.path.join(paths.worktree, name): name for name in edited}
    return EditTrace(
        pythons=tuple(value for kind, _, value in rows if kind == "python"),
        edited=tuple(ours[path] for path in opened if path in ours),
        others=tuple(path for path in opened if path not in ours),
    )
