"""Finds the workspace's files that a script imports, and those that read another file."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from engine.core.errors import WorkspaceError
from engine.untrusted_files import read_regular

_MOST_BYTES = 4 * 2**20


def source_text(path: Path) -> str:
    """Return the text of a script.

    Raises:
        WorkspaceError: It cannot be read, or is larger than any script.
    """
    try:
        return read_regular(path, _MOST_BYTES, follow=True).decode("utf-8", "replace")
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read.", f"{error.strerror}.") from None


def local_modules(workspace: Path, name: str) -> list[str]:
    """Return the names of a script and of the workspace's files it imports, directly or not.

    Modules are looked for in the workspace, in its `src`, and in the directory of the script.
    """
    found, roots = [name], dict.fromkeys(("", "src", os.path.dirname(name)))
    for current in found:
        try:
            tree = ast.parse(source_text(workspace / current))
        except (SyntaxError, ValueError, RecursionError, MemoryError, WorkspaceError):
            continue
        for node in ast.walk(tree):
            for stem in _imported(node, current):
                places = [os.path.join(root, stem[1]) for root in roots] if stem[0] else [stem[1]]
                for place in places:
                    for candidate in (f"{place}.py", f"{place}/__init__.py"):
                        if (workspace / candidate).is_file() and candidate not in found:
                            found += [*_package_files(workspace, candidate, found), candidate]
    return found


def _package_files(workspace: Path, name: str, known: Sequence[str]) -> list[str]:
    """Return the `__init__.py` of each package that a module lies in, which its import runs."""
    above = [str(parent / "__init__.py") for parent in PurePath(name).parents]
    return [p for p in above if p not in known and p != name and (workspace / p).is_file()]


def _imported(node: ast.AST, importer: str) -> Iterator[tuple[bool, str]]:
    """Yield the modules that a statement imports: whether the name is absolute, and its path."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield True, alias.name.replace(".", "/")
    elif isinstance(node, ast.ImportFrom):
        stem = (node.module or "").replace(".", "/")
        base = importer
        for _ in range(node.level):
            base = os.path.dirname(base)
        for alias in node.names:
            yield not node.level, os.path.join("" if not node.level else base, stem, alias.name)
        if stem:
            yield not node.level, os.path.join("" if not node.level else base, stem)


def reads_file(workspace: Path, script: str, name: str) -> bool:
    """Return whether a script imports a file, directly or not, or names it in its text.

    Args:
        workspace: The directory with both.
        script: The script that may read the file.
        name: The file.
    """
    path = PurePath(name)
    named = re.escape(path.name)
    if path.suffix == ".py":
        named += rf"|[\"']{re.escape(path.stem)}[\"']"  # as `import_module("strategy")`
    pattern = re.compile(rf"(?<![\w.-])(?:{named})(?!\w)")
    modules = local_modules(workspace, script)
    return name in modules or any(pattern.search(_text(workspace / m)) for m in modules)


def _text(path: Path) -> str:
    try:
        return source_text(path)
    except WorkspaceError:
        return ""
