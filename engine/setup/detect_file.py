"""Detects the file that an agent may edit, and the script that a run starts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import WorkspaceError
from engine.core.patches.language import Language, language_of
from engine.setup.documented_command import documented_script, made_script

_NOT_SOURCES = ("venv", "env", "node_modules", "site-packages", "build", "dist", "__pycache__")


def find_file(workspace: Path) -> tuple[str, str]:
    """Return the script that an agent may edit, and a short text that tells why it is that one.

    Raises:
        WorkspaceError: There are several scripts, or none.
    """
    if (workspace / "train.py").is_file():
        return "train.py", "the usual name"
    scripts = sorted(
        p.name for p in workspace.glob("*.py") if p.name not in ("setup.py", "conftest.py")
    )
    if len(scripts) == 1:
        return scripts[0], "the only script here"
    for script, source in (documented_script(workspace), made_script(workspace)):
        if script:
            return script, f"the script that {source} runs"
    nested = [p.relative_to(workspace).as_posix() for p in _nested(workspace)]
    if len(nested) == 1:
        return nested[0], "the only train.py here"
    scripts += nested
    listed = (
        f"There are {len(scripts)} scripts: {', '.join(scripts[:8])}."
        if scripts
        else "There is no script at all."
    )
    raise WorkspaceError(
        f"There is no train.py in {workspace}.",
        listed,
        "Name the file an agent may edit with --file, or make a new workspace with "
        "`autoresearch-tui init DIR`.",
    )


def _nested(workspace: Path) -> Iterator[Path]:
    """Yield the files called train.py in the directories of a workspace, at most three deep."""
    for depth in ("*/", "*/*/", "*/*/*/"):
        for path in sorted(workspace.glob(f"{depth}train.py")):
            parts = path.relative_to(workspace).parts
            if not any(p.startswith(".") or p in _NOT_SOURCES for p in parts):
                yield path


def find_entry(workspace: Path, name: str, command: str | None) -> str:
    """Return the script that a run starts: the editable file, or that which reads it.

    Args:
        workspace: The directory with the files.
        name: The editable file.
        command: The run command; None: it is not known yet.
    """
    if language_of(name) is Language.PYTHON:
        return name
    if command is not None:
        for match in re.finditer(r"[\w./-]+", command):
            script = match[0].removeprefix("./")
            if script != name and (workspace / script).is_file() and not script.startswith("/"):
                return script
        return name
    with contextlib.suppress(WorkspaceError):
        return find_file(workspace)[0]
    return name
