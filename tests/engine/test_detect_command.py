"""The suggested run command is the project's own, and never this program's Python unless asked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.setup.detect_command import find_command
from engine.setup.documented_command import with_documented_command

PLAIN = "print('val_loss: 1')\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH with Python and every tool, none of which may be started."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("python", "python3", "uv", "poetry", "pdm", "pipenv", "hatch", "pixi"):
        program = directory / name
        program.write_text("#!/bin/sh\necho started >> started\n")
        program.chmod(0o755)
    return str(directory)


@pytest.mark.parametrize(
    ("files", "script", "command", "reason"),
    [
        ({"uv.lock": ""}, "train.py", "uv run train.py", "there is a uv.lock"),
        (
            {"../uv.lock": "", "pyproject.toml": "[project]"},
            "train.py",
            "uv run train.py",
            "there is a uv.lock in {top}",
        ),
        (
            {"uv.lock": "", "src/tiny/__init__.py": ""},
            "src/tiny/train.py",
            "uv run python -m tiny.train",
            "there is a uv.lock",
        ),
        (
            {"poetry.lock": ""},
            "train.py",
            "poetry run python train.py",
            "there is a poetry.lock",
        ),
        (
            {"pyproject.toml": "[tool.pdm]\n"},
            "train.py",
            "pdm run python train.py",
            "there is a pyproject.toml",
        ),
        ({"Pipfile": ""}, "a b.py", "pipenv run python 'a b.py'", "there is a Pipfile"),
        ({"pixi.toml": ""}, "train.py", "pixi run python train.py", "there is a pixi.toml"),
        ({"hatch.toml": ""}, "train.py", "hatch run python train.py", "there is a hatch.toml"),
        (
            {".venv/pyvenv.cfg": ""},
            "train.py",
            ".venv/bin/python train.py",
            "the project's own .venv",
        ),
        (
            {".conda/conda-meta/history": ""},
            "train.py",
            ".conda/bin/python train.py",
            "the project's own .conda",
        ),
        (
            {"../venv/pyvenv.cfg": ""},
            "train.py",
            "{top}/venv/bin/python train.py",
            "the project's own venv",
        ),
        ({}, "train.py", "{bin}/python train.py", "`python` on the PATH"),
        (
            {"lab/__init__.py": "", "lab/deep/__init__.py": ""},
            "lab/deep/train.py",
            "{bin}/python -m lab.deep.train",
            "`python` on the PATH",
        ),
        (
            {"code/lab/__init__.py": ""},
            "code/lab/train.py",
            "{bin}/python code/lab/train.py",
            "`python` on the PATH",
        ),
    ],
)
def test_the_command_is_the_projects_own(
    tmp_path: Path, path: str, files: dict[str, str], script: str, command: str, reason: str
) -> None:
    workspace = tmp_path / "top" / "w"
    for name, text in {**files, script: PLAIN}.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
        if name.endswith(("pyvenv.cfg", "history")):
            python = workspace / name.removesuffix("/conda-meta/history")
            python = (python.parent if name.endswith(".cfg") else python) / "bin" / "python"
            python.parent.mkdir()
            python.symlink_to("/bin/true")
    names = {"top": str(tmp_path / "top"), "bin": path}
    found = find_command(workspace, tmp_path / "top", script, PLAIN, {"PATH": path})
    assert found == (command.format(**names), reason.format(**names))
    assert not list(tmp_path.rglob("started"))


def test_a_tool_that_is_not_installed_is_needed_only_without_an_environment(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "poetry.lock").touch()
    environ = {"PATH": ""}
    found = find_command(tmp_path, tmp_path, "train.py", PLAIN, environ)
    why = "there is a poetry.lock; poetry is not installed here"
    assert found == ("poetry run python train.py", why)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/bin/true")
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    found = find_command(tmp_path, tmp_path, "train.py", PLAIN, environ)
    assert found == (".venv/bin/python train.py", "the project's own .venv")


def test_this_programs_python_is_suggested_only_if_no_other_has_torch(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "w"
    own = tmp_path / "own" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to("/bin/true")
    (tmp_path / "own" / "pyvenv.cfg").touch()
    monkeypatch.setattr(sys, "executable", str(own))
    environ = {"PATH": path}
    source = "import torch\n"
    command, reason = find_command(workspace, workspace, "train.py", source, environ)
    assert (command, reason) == (f"{path}/python train.py", "no Python with torch was found")
    os.makedirs(tmp_path / "own" / "lib" / "python3.11" / "site-packages" / "torch")
    (tmp_path / "own/lib/python3.11/site-packages/torch/__init__.py").touch()
    command, reason = find_command(workspace, workspace, "train.py", source, environ)
    assert command == f"{own} train.py"
    assert reason == "no other Python has torch: the Python autoresearch-tui runs in"
    assert find_command(workspace, workspace, "train.py", PLAIN, environ)[0] == (
        f"{path}/python train.py"
    )


def test_the_budget_of_a_documented_command_is_left_to_the_session(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "train.py").write_text(PLAIN)
    (workspace / "README.md").write_text(
        "Run `AUTORESEARCH_TIME_BUDGET=60 OMP_NUM_THREADS=2 python train.py --fast`.\n"
    )
    command, reason = with_documented_command(workspace, "train.py", ("python train.py", "PATH"))
    assert "AUTORESEARCH_TIME_BUDGET" not in command
    assert command.startswith("OMP_NUM_THREADS=2 ") and command.endswith("train.py --fast")
    assert reason == "from README.md"
