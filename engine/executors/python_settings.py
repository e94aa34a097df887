"""Keeps what Python and its compilers cache in one run away from later runs."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

_COMPILER_CACHES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}


def python_settings(
    environ: Mapping[str, str], *, bytecode: Path, caches: Path, user_site: bool
) -> dict[str, str]:
    """Return the variables that say where the Python of a run keeps and finds compiled code.

    Variables that the user has set stay as they are, but for the directory of the bytecode.

    Args:
        environ: The environment of the engine.
        bytecode: The directory for the bytecode of all modules that this run imports.
        caches: The directory for what compilers of PyTorch keep; all runs of a session share it.
        user_site: Whether the packages that the user installed with `pip install --user` are found.
    """
    settings = {"PYTHONPYCACHEPREFIX": str(bytecode)}
    wanted = {name: str(caches / part) for name, part in _COMPILER_CACHES.items()}
    if not user_site:
        wanted["PYTHONNOUSERSITE"] = "1"
    return settings | {name: value for name, value in wanted.items() if name not in environ}


def needs_user_site(directory: Path, environ: Mapping[str, str]) -> bool:
    """Return whether a Python file of a directory imports a package installed for the user only.

    Args:
        directory: The directory; those below it are not searched.
        environ: The environment, which may move the user's site directory.
    """
    base = environ.get("PYTHONUSERBASE") or os.path.join(environ.get("HOME", ""), ".local")
    sites = list(Path(base).glob("lib/python3*/site-packages"))
    installed = {entry.name.split(".")[0] for site in sites for entry in os.scandir(site)}
    return bool(installed) and any(_imports(p) & installed for p in directory.glob("*.py"))


def _imports(path: Path) -> set[str]:
    """Return the top-level names of the modules that a Python file imports; empty if it is none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
