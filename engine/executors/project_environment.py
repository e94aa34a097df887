"""Makes runs use the Python environment of the user's checkout, and build no other.

Tools such as uv and poetry find a project's environment by the project's path, or beside it: a
worktree is another project to them, for which they would make a new and empty environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import EnvironmentProblem
from engine.untrusted_files import read_regular

_DIRECTORIES = (".venv", "venv", "env", ".conda", ".pixi")
"""The usual names of an environment in a project."""
_MARKS = ("pyvenv.cfg", "conda-meta", "envs")
_FILES = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile": "pipenv",
    "pixi.toml": "pixi",
    "pixi.lock": "pixi",
    "hatch.toml": "hatch",
}
_TABLE = re.compile(r"^\s*\[tool\.(uv|poetry|pdm|pixi|hatch\.envs)\b", re.M)
_QUESTIONS = {
    "poetry": ("env", "info", "--path"),
    "pipenv": ("--venv",),
    "hatch": ("env", "find"),
}
"""Arguments with which a tool prints the path of a project's environment, and makes none."""
_INSTALL = {
    "uv": "uv sync",
    "poetry": "poetry install",
    "pdm": "pdm install",
    "pipenv": "pipenv install",
    "hatch": "hatch env create",
    "pixi": "pixi install",
}
_MOST_BYTES = 1 << 20
_MOST_SECONDS = 60.0


@dataclass(frozen=True)
class ProjectTool:
    """A tool that keeps the Python environment of a project."""

    name: str
    directory: Path
    """The project's directory, which is the workspace or above it."""
    evidence: str
    """The file by which it was recognised."""

    @property
    def run(self) -> str:
        """The words before a command that is to run in the project's environment."""
        return f"{self.name} run"


def find_project_tool(workspace: Path, top: Path) -> ProjectTool | None:
    """Find the tool that keeps a workspace's Python environment, by the files of the project.

    Args:
        workspace: The workspace.
        top: The top of the repository.

    Returns:
        The tool of the nearest directory from the workspace up to the top; None: there is none.
    """
    for directory in _upwards(workspace, top):
        for file, name in _FILES.items():
            if (directory / file).is_file():
                return ProjectTool(name, directory, file)
        try:
            text = read_regular(directory / "pyproject.toml", _MOST_BYTES, follow=True)
        except OSError:
            continue
        match = _TABLE.search(text.decode("utf-8", "replace"))
        # A workspace's member has settings of its own; the lock is above it.
        if match is not None and match[1] != "uv":
            return ProjectTool(match[1].partition(".")[0], directory, "pyproject.toml")
    return None


def environment_directories(workspace: Path, top: Path) -> Iterator[Path]:
    """Yield the environments in a workspace and in the directories above it, nearest first."""
    for directory in _upwards(workspace, top):
        for name in _DIRECTORIES:
            path = directory / name
            if any((path / mark).exists() for mark in _MARKS):
                yield path


def link_environments(workspace: Path, top: Path, worktree: Path) -> None:
    """Link the environments in a workspace, and above it, into a worktree.

    Scripts that name one by a relative path then find it.

    Args:
        workspace: The workspace.
        top: The top of the repository.
        worktree: The top of the worktree, which corresponds to it.
    """
    for path in environment_directories(workspace, top):
        place = worktree / path.relative_to(top)
        if place.parent.is_dir() and not place.parent.is_symlink() and not os.path.lexists(place):
            place.symlink_to(path)


def find_install_of(worktree: Path, environments: Iterable[Path]) -> Path | None:
    """Return a file of an environment that makes a worktree importable; None: there is none.

    A run that calls `uv sync` or `pip install -e .` installs the worktree, which is temporary, in
    place of the checkout.

    Args:
        worktree: The top of the worktree.
        environments: The directories of the environments.
    """
    named = os.fsencode(str(worktree))
    for environment in environments:
        for pattern in ("*.pth", "__editable__*.py", "_*editable*.py"):
            for path in environment.glob(f"lib/python*/site-packages/{pattern}"):
                try:
                    if named in read_regular(path, _MOST_BYTES):
                        return path
                except OSError:
                    continue
    return None


def environment_variables(
    workspace: Path, top: Path, words: Sequence[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables by which a project's tool uses the checkout's environment.

    Args:
        workspace: The workspace.
        top: The top of the repository.
        words: The words of the run command.
        environ: The environment of the run.

    Raises:
        EnvironmentProblem: The command begins with the tool, and the project has no environment.
    """
    tool = find_project_tool(workspace, top) or ProjectTool("uv", workspace, "")
    found = _environment_of(tool, workspace, words, environ)
    if found is None and _is_run_by(tool, words, workspace):
        raise EnvironmentProblem(
            f"The project has no environment of {tool.name} yet.",
            f"`{tool.run}` would make one in each worktree.",
            f"Run `{_INSTALL[tool.name]}` in {tool.directory}, then resume.",
        )
    if found is None:
        return {}
    match tool.name:
        case "uv":
            return {"UV_PROJECT_ENVIRONMENT": str(found), "UV_NO_SYNC": "1"}
        case "hatch":
            path = os.pathsep.join((str(found / "bin"), environ.get("PATH", os.defpath)))
            _require_program(words, path)
            return {"VIRTUAL_ENV": str(found), "PATH": path}
        case "pixi":
            return {"PIXI_FROZEN": "true"}
        case _:
            # They use an active environment and do not look for another.
            return {"VIRTUAL_ENV": str(found), "PIPENV_VERBOSITY": "-1"}


def without_installer(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a run command without `hatch run`, for which `environment_variables` is.

    Hatch would install the worktree into the user's environment.
    """
    return words[2:] if words[:2] == ("hatch", "run") else words


def _require_program(words: Sequence[str], path: str) -> None:
    """Raise an error where a command runs hatch for anything but a program.

    Raises:
        EnvironmentProblem: The command names one of hatch's own scripts or environments.
    """
    if not words or words[0] != "hatch":
        return
    program = words[2] if list(words[:2]) == ["hatch", "run"] and len(words) > 2 else ""
    if not program or shutil.which(program, path=path) is None:
        raise EnvironmentProblem(
            f"`{' '.join(words)}` does not run a program of hatch's default environment.",
            "Hatch itself would install the worktree into your environment.",
            "Start with another --tag and a --command that names the program, such as "
            "`hatch run python train.py`.",
        )


def _is_run_by(tool: ProjectTool, words: Sequence[str], workspace: Path) -> bool:
    """Return whether a command runs in the project's environment of a tool."""
    if list(words[:2]) != tool.run.split():
        return False
    if tool.name != "uv":
        return True
    alone = {"--no-project", "--isolated", "--script"} & set(words)
    has_project = any(d.joinpath("pyproject.toml").is_file() for d in (workspace, tool.directory))
    scripts = [workspace / word for word in words if word.endswith(".py")]
    return has_project and not alone and not any(map(_is_own_project, scripts))


def _is_own_project(script: Path) -> bool:
    """Return whether a script names its requirements itself, for which uv keeps an environment."""
    try:
        return b"\n# /// script" in b"\n" + read_regular(script, _MOST_BYTES, follow=True)
    except OSError:
        return False


def _environment_of(
    tool: ProjectTool, workspace: Path, words: Sequence[str], environ: Mapping[str, str]
) -> Path | None:
    if tool.name == "uv" and environ.get("UV_PROJECT_ENVIRONMENT"):
        return tool.directory / environ["UV_PROJECT_ENVIRONMENT"]
    if tool.name == "pdm" and (python := _saved_python(tool.directory)) is not None:
        return python.parent.parent
    if tool.name in ("poetry", "pipenv") and environ.get("VIRTUAL_ENV"):
        return Path(environ["VIRTUAL_ENV"])
    question = _QUESTIONS.get(tool.name)
    program = shutil.which(tool.name, path=environ.get("PATH"))
    if question is not None and program is not None and not _names_python(words):
        return _answer([program, *question], tool.directory, environ)
    top = tool.directory if tool.evidence else workspace
    return next(environment_directories(workspace, top), None)


def _names_python(words: Sequence[str]) -> bool:
    """Return whether a command runs a Python of its own choice, so that no tool is asked."""
    return bool(words) and Path(words[0]).name.startswith("python")


def _answer(words: list[str], directory: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the environment that a tool names; None where it names none."""
    try:
        done = subprocess.run(
            words,
            cwd=directory,
            env=environ,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    path = Path(os.fsdecode(done.stdout.strip().rpartition(b"\n")[2]))
    return path if done.returncode == 0 and (path / "bin").is_dir() else None


def _saved_python(directory: Path) -> Path | None:
    """Return the interpreter that pdm has noted for a project; None where it has noted none."""
    try:
        text = read_regular(directory / ".pdm-python", 4096).decode("utf-8", "replace").strip()
    except OSError:
        return None
    path = Path(text)
    return path if path.is_absolute() and path.exists() else None


def _upwards(workspace: Path, top: Path) -> Iterator[Path]:
    """Yield the workspace and the directories above it, up to the top of the repository."""
    yield workspace
    for directory in workspace.parents:
        if not directory.is_relative_to(top):
            return
        yield directory
