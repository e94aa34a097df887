"""Removes relative directories from PATH, so that no program of the current directory is found."""

from __future__ import annotations

import os


def remove_relative_directories() -> None:
    """Remove relative directories, such as `.` and empty ones, from this process's PATH.

    The current directory may be a cloned repository that holds a `git` or an `nvidia-smi`.
    """
    entries = os.environ.get("PATH", "").split(os.pathsep)
    absolute = [entry for entry in entries if os.path.isabs(entry)]
    # An empty PATH would mean the current directory.
    os.environ["PATH"] = os.pathsep.join(absolute) or os.defpath.lstrip(os.pathsep)
