"""Mutants against their tests: which tests see a change, and whether one of them fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.mutation.worker import LOAD_FAILED, TEST_FAILED

ROOT = Path(__file__).resolve().parents[2]
_HERE = "tests/mutation"


class UnusableTests(Exception):
    """The tests of a coverage map do not pass on the unchanged project."""


def is_noticed(code: int) -> bool:
    """Return whether a worker's exit code means that the tests noticed a change.

    Only a failed test, a failed import and a signal (the limits on time) count. The other codes
    of pytest (interrupted, internal error, test not found, no tests) say nothing about it.
    """
    return code < 0 or code in (TEST_FAILED, LOAD_FAILED)


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
        output: Path | None = None,
    ) -> int:
        """Run tests with the source of a file replaced, stopping at the first that fails.

        Args:
            file: The changed file, relative to the project.
            source: Its changed text; None runs the tests on the unchanged project.
            tests: Test functions as pytest names them, the quickest first.
            cpu_seconds: Processor time after which the change counts as noticed: it loops.
            wall_seconds: The same in real time, for a change that waits forever.
            output: File that receives what pytest prints.

        Returns:
            `TEST_FAILED`, `LOAD_FAILED`, the negative number of a signal, or pytest's exit code.
        """
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        request = {
            "module": module if source is not None else "",
            "path": str(self._project / file),
            "source": source,
            "tests": list(tests),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
            "output": str(output) if output else None,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return int(answer["code"])

    def check_tests(self, seconds: Mapping[str, float]) -> None:
        """Run the tests of a coverage map once without any change.

        Args:
            seconds: The tests as pytest names them, with the processor time of each.

        Raises:
            UnusableTests: One of them fails or does not exist.
        """
        output = self._project / "unchanged.txt"
        output.unlink(missing_ok=True)
        limit = 60 + 10 * sum(seconds.values())
        code = self.run(
            "", None, seconds, cpu_seconds=limit, wall_seconds=10 * limit, output=output
        )
        if code != 0:
            lines = output.read_text("utf-8", "replace").splitlines()[-12:]
            raise UnusableTests(
                f"The tests of the coverage map do not pass on the unchanged project (exit code "
                f"{code}), so no mutant was tried.\n"
                + "\n".join(f"  {line}" for line in lines)
                + "\nIf a test is not found, the map is of another state of the tests: delete "
                ".mutation/coverage-*.json to measure it again. If a test fails, fix it first."
            )
