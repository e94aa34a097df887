"""Finds the versions of the installed packages that a run imported, by their metadata."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import Distribution, distributions


def package_versions(places: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution that imported packages belong to, by its name.

    Args:
        places: Paths of imported packages and modules below a `site-packages` directory.
    """
    found: dict[str, str] = {}
    for place in places:
        directory, name = os.path.split(place)
        try:
            changed = os.stat(directory).st_mtime_ns
        except (OSError, ValueError):
            continue
        found |= _distributions(directory, changed).get(name.removesuffix(".py"), {})
    return found


@lru_cache(maxsize=16)
def _distributions(directory: str, changed: int) -> dict[str, dict[str, str]]:
    """Return the distributions of a directory, with their versions, by the packages they hold.

    Args:
        directory: A `site-packages` directory.
        changed: When an entry was added to it or removed; part of the cache's key.
    """
    by_package: dict[str, dict[str, str]] = {}
    for distribution in distributions(path=[directory]):
        name, version = distribution.metadata["Name"], distribution.version
        if not name or not version:
            continue
        for package in _packages(distribution):
            by_package.setdefault(package, {})[name.lower()] = version
    return by_package


def _packages(distribution: Distribution) -> set[str]:
    """Return the names of the entries of `site-packages` that belong to a distribution."""
    listed = distribution.read_text("top_level.txt")
    if listed is not None:
        return set(listed.split())
    record = distribution.read_text("RECORD") or ""
    entries = {line.split(",")[0].split("/")[0] for line in record.splitlines()}
    return {entry.removesuffix(".py") for entry in entries if not entry.endswith("-info")}
