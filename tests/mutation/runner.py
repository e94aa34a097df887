"""Mutants against their tests: which tests see a change, and whether one of them fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
_HERE = "tests/mutation"


def copy_project(target: Path) -> None:
    """Copy the project's files into an empty directory outside any repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def environment(project: Path) -> dict[str, str]:
    """Return the environment of a process whose imports come from a copy of the project."""
    return {
        **os.environ,
        "PYTHONPATH": str(project),
        "PYTHONHASHSEED": "0",
        "GIT_CEILING_DIRECTORIES": str(project),
    }


def measure_coverage(project: Path, tests: Sequence[str], target: Path) -> dict[str, Any]:
    """Run tests, and return which of them run each line and how long each takes.

    Raises:
        subprocess.CalledProcessError: A test fails without any change.
    """
    command = [sys.executable, f"{_HERE}/coverage_map.py", str(target), *tests]
    subprocess.run(command, cwd=project, env=environment(project), check=True)
    found: dict[str, Any] = json.loads(target.read_text())
    return found


class Worker:
    """The process that runs tests with a module changed."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._process = subprocess.Popen(
            [sys.executable, f"{_HERE}/worker.py"],
            cwd=project,
            env=environment(project),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(
        self,
        file: str,
        source: str | None,
        tests: Iterable[str],
        *,
        cpu_seconds: float = 60,
        wall_seconds: float = 600,
    ) -> int:
        """Run tests with the source of a file replaced, stopping at the first that fails.

        Args:
            file: The changed file, relative to the project.
            source: Its changed text; None runs the tests on the unchanged project.
            tests: Test functions as pytest names them, the quickest first.
            cpu_seconds: Processor time after which the change counts as noticed: it loops.
            wall_seconds: The same in real time, for a change that waits forever.

        Returns:
            The exit code of pytest (0: no test failed), or the negative number of a signal.
        """
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        request = {
            "module": module if source is not None else "",
            "path": str(self._project / file),
            "source": source,
            "tests": list(tests),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return int(answer["code"])
