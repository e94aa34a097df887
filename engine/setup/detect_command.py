"""Detects how a workspace's script is run: by the project's own tool, or by the project's Python.

Only files are looked at: no interpreter and no tool is started.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.executors.project_environment import environment_directories, find_project_tool
from engine.setup.installed_packages import has_package


def find_command(
    workspace: Path, top: Path, name: str, source: str, environ: Mapping[str, str]
) -> tuple[str, str]:
    """Return a command that runs a script, and a short text that tells where it comes from.

    Args:
        workspace: The workspace.
        top: The top of the repository.
        name: The script, relative to the workspace.
        source: Its text.
        environ: Environment variables that may name an active Python environment.
    """
    words = _script_words(workspace, name)
    tool = find_project_tool(workspace, top)
    if tool is not None:
        installed = shutil.which(tool.name, path=environ.get("PATH")) is not None
        if installed or not any(environment_directories(workspace, top)):
            where = "" if tool.directory == workspace else f" in {tool.directory}"
            missing = "" if installed else f"; {tool.name} is not installed here"
            python = "" if tool.name == "uv" and not words.startswith("-m ") else "python "
            return f"{tool.run} {python}{words}", f"there is a {tool.evidence}{where}{missing}"
    imports_torch = re.search(r"^\s*(?:import|from)\s+torch\b", source, re.M) is not None
    pythons = _pythons(workspace, top, environ)
    usable = [(path, why) for path, why in pythons if os.access(path, os.X_OK)]
    for path, reason in usable:
        if not imports_torch or has_package(path, "torch"):
            return f"{_quoted(path, workspace)} {words}", reason
    if imports_torch and has_package(Path(sys.executable), "torch"):
        reason = "no other Python has torch: the Python autoresearch-tui runs in"
        return f"{shlex.quote(sys.executable)} {words}", reason
    why = "no Python with torch was found" if imports_torch else "no Python was found"
    return f"{_quoted(usable[0][0], workspace) if usable else 'python3'} {words}", why


def _script_words(workspace: Path, name: str) -> str:
    """Return the arguments by which Python runs a script: as a module where it is in a package."""
    path = PurePosixPath(name)
    parts = [path.stem]
    for directory in path.parents:
        if not (workspace / directory / "__init__.py").is_file() or directory == PurePosixPath():
            root = directory
            break
        parts.insert(0, directory.name)
    else:
        return shlex.quote(name)
    if len(parts) > 1 and root in (PurePosixPath(), PurePosixPath("src")):
        return f"-m {'.'.join(parts)}"
    return shlex.quote(name)


def _pythons(workspace: Path, top: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield Python interpreters to try, most specific first: path, and where it comes from."""
    for directory in environment_directories(workspace, top):
        prefix = directory / "envs" / "default" if directory.name == ".pixi" else directory
        yield prefix / "bin" / "python", f"the project's own {directory.name}"
    for variable, kind in (("VIRTUAL_ENV", "virtual"), ("CONDA_PREFIX", "conda")):
        if environ.get(variable):
            yield Path(environ[variable]) / "bin" / "python", f"the active {kind} environment"
    for word in ("python", "python3"):
        where = shutil.which(word, path=environ.get("PATH"))
        if where:
            yield Path(where), f"`{word}` on the PATH"


def _quoted(python: Path, workspace: Path) -> str:
    """Return an interpreter as a word of the command, relative where it is in the workspace."""
    inside = python.is_relative_to(workspace)
    return shlex.quote(str(python.relative_to(workspace) if inside else python))
