"""Runs use the environment of the checkout, whichever tool keeps it, and none is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.errors import EnvironmentProblem
from engine.executors.project_environment import (
    environment_directories,
    environment_variables,
    find_install_of,
    find_project_tool,
    link_environments,
    without_installer,
)

POETRY = "[tool.poetry]\nname = 'x'\n"


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def make_environment(path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    return path


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        ({"uv.lock": ""}, "uv"),
        ({"poetry.lock": "", "pyproject.toml": ""}, "poetry"),
        ({"pyproject.toml": POETRY}, "poetry"),
        ({"pyproject.toml": "[tool.pdm]\n"}, "pdm"),
        ({"pyproject.toml": "[tool.pdm.dev-dependencies]\n"}, "pdm"),
        ({"Pipfile": ""}, "pipenv"),
        ({"pixi.toml": ""}, "pixi"),
        ({"pyproject.toml": "[tool.pixi.project]\n"}, "pixi"),
        ({"pyproject.toml": "[tool.hatch.envs.default]\n"}, "hatch"),
        ({"pyproject.toml": "[tool.hatch.build]\n"}, ""),
        ({"pyproject.toml": "# [tool.poetry]\n[project]\n"}, ""),
        ({"../uv.lock": "", "pyproject.toml": "[tool.uv]\n"}, "uv"),
        ({"../uv.lock": "", "poetry.lock": ""}, "poetry"),
        ({"../../uv.lock": ""}, ""),
    ],
)
def test_the_tool_is_known_by_the_projects_files(
    tmp_path: Path, files: dict[str, str], tool: str
) -> None:
    workspace = tmp_path / "top" / "lab"
    workspace.mkdir(parents=True)
    write(workspace, files)
    found = find_project_tool(workspace, tmp_path / "top")
    assert (found.name if found is not None else "") == tool


def test_uv_uses_the_environment_beside_the_lock(tmp_path: Path) -> None:
    write(tmp_path, {"uv.lock": "", "pyproject.toml": "", "lab/pyproject.toml": ""})
    venv = make_environment(tmp_path / ".venv")
    words = ("uv", "run", "train.py")
    assert environment_variables(tmp_path / "lab", tmp_path, words, {}) == {
        "UV_PROJECT_ENVIRONMENT": str(venv),
        "UV_NO_SYNC": "1",
    }


def test_uv_without_a_lock_uses_the_environment_of_the_workspace(tmp_path: Path) -> None:
    venv = make_environment(tmp_path / ".venv")
    found = environment_variables(tmp_path, tmp_path, ("uv", "run", "train.py"), {})
    assert found["UV_PROJECT_ENVIRONMENT"] == str(venv)


@pytest.mark.parametrize(
    ("files", "command", "todo"),
    [
        ({"uv.lock": "", "pyproject.toml": ""}, "uv run train.py", "uv sync"),
        ({"pyproject.toml": "[project]\n"}, "uv run train.py", "uv sync"),
        ({"pyproject.toml": "[tool.pdm]\n"}, "pdm run python train.py", "pdm install"),
        ({"pyproject.toml": POETRY}, "poetry run python train.py", "poetry install"),
        ({"pixi.toml": ""}, "pixi run train", "pixi install"),
    ],
)
def test_a_project_without_an_environment_is_refused(
    tmp_path: Path, files: dict[str, str], command: str, todo: str
) -> None:
    write(tmp_path, files)
    with pytest.raises(EnvironmentProblem, match=f"Run `{todo}` in"):
        environment_variables(tmp_path, tmp_path, command.split(), {"PATH": ""})


@pytest.mark.parametrize(
    "command",
    ["uv run --no-project train.py", "uv run --isolated train.py", "uv run own.py", "make train"],
)
def test_a_command_that_needs_no_environment_of_the_project_is_not_refused(
    tmp_path: Path, command: str
) -> None:
    own = "# /// script\n# dependencies = []\n# ///\n"
    write(tmp_path, {"uv.lock": "", "pyproject.toml": "", "own.py": own})
    assert environment_variables(tmp_path, tmp_path, command.split(), {}) == {}


def test_poetry_is_asked_for_its_environment(tmp_path: Path) -> None:
    write(tmp_path / "w", {"pyproject.toml": POETRY})
    venv = make_environment(tmp_path / "cache" / "x-py3.11")
    answer = f'#!/bin/sh\n[ "$*" = "env info --path" ] && echo {venv}\n'
    tools = write(tmp_path / "bin", {"poetry": answer})
    (tools / "poetry").chmod(0o755)
    words = ("poetry", "run", "python", "train.py")
    found = environment_variables(tmp_path / "w", tmp_path / "w", words, {"PATH": str(tools)})
    assert found["VIRTUAL_ENV"] == str(venv)


def test_an_active_environment_is_the_one_that_poetry_uses(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": POETRY})
    words = ("poetry", "run", "python", "train.py")
    found = environment_variables(tmp_path, tmp_path, words, {"VIRTUAL_ENV": "/active"})
    assert found["VIRTUAL_ENV"] == "/active"


def test_pdm_uses_the_interpreter_it_has_noted(tmp_path: Path) -> None:
    venv = make_environment(tmp_path / "elsewhere")
    write(tmp_path / "w", {"pdm.lock": "", ".pdm-python": f"{venv}/bin/python\n"})
    words = ("pdm", "run", "train")
    found = environment_variables(tmp_path / "w", tmp_path / "w", words, {"VIRTUAL_ENV": "/x"})
    assert found["VIRTUAL_ENV"] == str(venv)


def test_environments_are_linked_into_the_worktree(tmp_path: Path) -> None:
    top, worktree = tmp_path / "top", tmp_path / "worktree"
    write(top, {"lab/train.py": "", "env/notes.txt": ""})
    make_environment(top / ".venv")
    make_environment(top / "lab" / "venv")
    (worktree / "lab").mkdir(parents=True)
    assert list(environment_directories(top / "lab", top)) == [top / "lab/venv", top / ".venv"]
    link_environments(top / "lab", top, worktree)
    link_environments(top / "lab", top, worktree)
    assert (worktree / ".venv").resolve() == top / ".venv"
    assert (worktree / "lab/venv").resolve() == top / "lab/venv"
    assert not (worktree / "env").exists()
    words = [str(worktree / "lab/venv/bin/python"), "-c", "import sys; print(sys.prefix)"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(printed).resolve() == top / "lab/venv"


@pytest.mark.parametrize("name", ["tiny.pth", "__editable___tiny_finder.py", "_tiny_editable_x.py"])
def test_an_install_of_the_worktree_is_found(tmp_path: Path, name: str) -> None:
    worktree = tmp_path / "work" / "slot-0"
    file = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / name
    environments = [tmp_path / "none", tmp_path / "venv"]
    write(file.parent, {name: f"{tmp_path}/work/src\n", "train.py": f"# {worktree}"})
    assert find_install_of(worktree, environments) is None
    write(file.parent, {name: f"x\n{worktree}/src\n"})
    assert find_install_of(worktree, environments) == file


def test_hatch_is_left_out_because_it_would_install_the_worktree(tmp_path: Path) -> None:
    write(tmp_path / "w", {"hatch.toml": ""})
    venv = make_environment(tmp_path / "cache" / "x")
    tools = write(tmp_path / "bin", {"hatch": f'#!/bin/sh\n[ "$*" = "env find" ] && echo {venv}\n'})
    (tools / "hatch").chmod(0o755)
    words = ("hatch", "run", "python", "train.py")
    environ = {"PATH": str(tools)}
    found = environment_variables(tmp_path / "w", tmp_path / "w", words, environ)
    assert found == {"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:{tools}"}
    assert without_installer(words) == ("python", "train.py")
    for other in ("hatch run train", "hatch -e test run python train.py", "hatch run test:python"):
        with pytest.raises(EnvironmentProblem, match="does not run a program of hatch"):
            environment_variables(tmp_path / "w", tmp_path / "w", other.split(), environ)
