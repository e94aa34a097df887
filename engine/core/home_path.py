"""Expands the home directory at the beginning of a path."""

from __future__ import annotations

import re

_HOME = re.compile(r"(?:~|\$HOME|\$\{HOME\})(?=/|\Z)")


def expand_home(path: str, home: str) -> str:
    """Return a path with `~`, `$HOME` or `${HOME}` at its beginning replaced.

    A shell does so only in some places: not in quotes, nor after the `=` of `--out=~/reports`; and
    files such as config.toml are read by no shell.

    Args:
        path: Any path or glob.
        home: The user's home directory.
    """
    match = _HOME.match(path)
    return path if match is None else home + path[match.end() :]
