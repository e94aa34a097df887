"""Decides which of the paths that a run opened count as its data, and says what changed in them."""

from __future__ import annotations

import os
from collections.abc import Sequence

SYSTEM = (
    *("/proc/", "/sys/", "/dev/", "/etc/", "/run/", "/boot/", "/bin/", "/sbin/", "/lib/"),
    *("/lib32/", "/lib64/", "/usr/", "/var/lib/", "/var/cache/", "/var/log/", "/snap/"),
)
"""Directories of the operating system; what a run reads there is not its data."""
OWN = ("/usr/local/share/", "/usr/local/data/", "/usr/share/dict/")
"""Directories below those in which users do keep data."""
_PARTS = frozenset(
    {"__pycache__", ".git", ".triton", ".nv", "torch_extensions", "matplotlib", "wandb", "pip"}
    | {".config", ".ipython", ".jupyter", "numba_cache", "fontconfig", "uv"}
)
"""Names of directories with settings and caches of programs."""
_PART_STARTS = ("torchinductor", "pymp-", ".autoresearch")
_ENDS = (".pyc", ".so", ".log", ".lock", ".pid", ".sock", ".tmp")
MOST_NAMED = 5
"""The most changed files that a message names one by one."""


def is_data(path: str) -> bool:
    """Return whether a file at an absolute path can be data of a run, by its path alone.

    Files of the system, settings and caches of programs, and hidden files are not.
    """
    if path.startswith(SYSTEM) and not path.startswith(OWN):
        return False
    parts = path.split("/")
    name = parts.pop()
    if name.startswith(".") or name.endswith(_ENDS):
        return False
    return not any(part in _PARTS or part.startswith(_PART_STARTS) for part in parts)


def is_watched_directory(path: str, home: str, checkout: str) -> bool:
    """Return whether all files of a directory that a run listed count as its data.

    Args:
        path: The absolute path of the directory.
        home: The user's home directory, which holds anything.
        checkout: The top of the user's checkout, which holds results and logs too.
    """
    above = (home, checkout, os.path.dirname(home), "/", "/tmp", "/var/tmp", "/mnt", "/data")
    return path not in above and is_data(os.path.join(path, "x"))


def changed_packages(before: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """Return a phrase for each package whose version changed, such as `torch 2.3.0 → 2.4.0`."""
    return tuple(
        f"{name} {version} → {now.get(name, 'not installed')}"
        for name, version in sorted(before.items())
        if now.get(name) != version
    )


def shorten(changes: Sequence[str]) -> str:
    """Return changes as one phrase: the first few by name, and the number of others."""
    named = "; ".join(changes[:MOST_NAMED])
    more = len(changes) - MOST_NAMED
    return f"{named}; and {more:,} more" if more > 0 else named
