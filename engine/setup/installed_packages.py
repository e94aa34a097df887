"""Finds packages of a Python environment by its files, without running its interpreter.

The environment may have come with a repository, and its interpreter may be any program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from engine.untrusted_files import read_regular

_MOST_BYTES = 64 * 1024
_PLACES = (
    "lib/python3*/site-packages",
    "lib64/python3*/site-packages",
    "lib/python3*/dist-packages",  # Debian's own packages, and those of its pip
    "local/lib/python3*/dist-packages",
)


def has_package(python: Path, name: str) -> bool:
    """Return whether a package is installed for an interpreter.

    Args:
        python: The path of the interpreter, `<prefix>/bin/python`.
        name: The package's import name.
    """
    return any(
        (place / name / "__init__.py").is_file() or any(place.glob(f"{name}-*.dist-info"))
        for prefix in _prefixes(python)
        for pattern in _PLACES
        for place in prefix.glob(pattern)
    )


def _prefixes(python: Path) -> Iterator[Path]:
    """Yield the directories below which an interpreter's packages are."""
    prefix = python.absolute().parent.parent
    settings = _venv_settings(prefix)
    if settings is None:
        # Not a virtual environment: the program's own place, such as /usr of /usr/bin/python3.
        yield python.resolve().parent.parent
        return
    yield prefix
    if settings.get("include-system-site-packages", "").lower() == "true" and "home" in settings:
        yield Path(settings["home"]).parent


def _venv_settings(prefix: Path) -> dict[str, str] | None:
    """Return the settings in a virtual environment's pyvenv.cfg; None where it is not one."""
    try:
        text = read_regular(prefix / "pyvenv.cfg", _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    return dict(re.findall(r"^\s*([\w-]+)\s*=\s*(\S.*?)\s*$", text, re.M))
