"""Reads the entry points of all installed packages, once per process."""

from __future__ import annotations

import functools
import importlib.metadata
from importlib.metadata import EntryPoints


def entry_points(group: str) -> EntryPoints:
    """Return the entry points of a group, as they were when this process first asked for any."""
    return _of_all_packages().select(group=group)


@functools.cache
def _of_all_packages() -> EntryPoints:
    found = importlib.metadata.entry_points()
    return EntryPoints(point for group in found.groups for point in found.select(group=group))
