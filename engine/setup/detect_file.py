"""Detects the file that an agent may edit, and the script that a run starts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from engine.core.errors import WorkspaceError
from engine.core.patches.language import Language, language_of
from engine.setup.documented_command import (
    documented_command,
    documented_script,
    documented_scripts,
    made_script,
)
from engine.setup.imported_files import reads_file

_NOT_SOURCES = (
    *("venv", "env", "node_modules", "site-packages", "build", "dist", "__pycache__"),
    *("test", "tests", "docs"),
)
_NO_TRAINING = re.compile(
    r"(?:setup|conftest|noxfile|fabfile|hubconf|versioneer|manage|tests?|test_.*|.*_test)\.py\Z"
)
"""Matches the names of scripts that build, configure or test a project."""
_PAST_RUNS = re.compile(
    r"(?:runs?|outputs?|results?|logs?|records?|archived?|attic|legacy|old|backups?|wandb|mlruns)"
    r"(?:[-_.].*)?\Z",
    re.IGNORECASE,
)


def find_file(workspace: Path) -> tuple[str, str]:
    """Return the script that an agent may edit, and a short text that tells why it is that one.

    Raises:
        WorkspaceError: There are several scripts, or none.
    """
    if (workspace / "train.py").is_file():
        return "train.py", "the usual name"
    scripts = sorted(p.name for p in workspace.glob("*.py") if not _NO_TRAINING.match(p.name))
    if len(scripts) == 1:
        return scripts[0], "the only script here"
    for script, source in (documented_script(workspace), made_script(workspace)):
        if script:
            return script, f"the script that {source} runs"
    nested = list(_nested(workspace, "train.py"))
    if len(nested) == 1:
        return nested[0], "the only train.py here"
    scripts += nested or (
        [] if scripts else sorted(_nested(workspace, "*.py"), key=_unlike_training)
    )
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


def _nested(workspace: Path, pattern: str) -> Iterator[str]:
    """Yield the sources in the directories of a workspace, at most three deep.

    Copies that belong to past runs are left out.

    Args:
        workspace: The workspace.
        pattern: The form of their names, such as `train.py`.
    """
    for depth in ("*/", "*/*/", "*/*/*/"):
        for path in sorted(workspace.glob(f"{depth}{pattern}")):
            inside = path.relative_to(workspace)
            if not any(
                p.startswith(".") or p in _NOT_SOURCES or _PAST_RUNS.match(p)
                for p in inside.parts[:-1]
            ):
                yield inside.as_posix()


def _unlike_training(name: str) -> int:
    """Return how unlikely a script is to be that which trains: 0, 1 or 2."""
    stem = PurePath(name).name
    return 0 if "train" in stem else 1 if stem in ("main.py", "run.py") else 2


def find_entry(workspace: Path, name: str, command: str | None) -> str:
    """Return the script that a run starts: the editable file, or that which reads it.

    Args:
        workspace: The directory with the files.
        name: The editable file.
        command: The run command; None: it is not known yet.
    """
    is_python = language_of(name) is Language.PYTHON
    if command is not None:
        words: list[str] = re.findall(r"[\w./-]+", command)
        scripts = [
            w for w in (word.removeprefix("./") for word in words) if _is_script(workspace, w)
        ]
        return next((s for s in scripts if is_python or s != name), name)
    if is_python and documented_command(workspace, name) is not None:
        return name
    scripts = [*documented_scripts(workspace), made_script(workspace)[0]]
    with contextlib.suppress(WorkspaceError):
        scripts.append(find_file(workspace)[0])
    for script in scripts:
        if script not in ("", name) and reads_file(workspace, script, name):
            return script
    return name if is_python else scripts[-1] or name


def _is_script(workspace: Path, name: str) -> bool:
    """Return whether a word of a command is a script of the workspace, and no program or data."""
    path = PurePath(name)
    return (
        language_of(name) in (Language.PYTHON, Language.CODE)
        and bool(path.suffix)
        and not path.is_absolute()
        and (workspace / name).is_file()
    )
