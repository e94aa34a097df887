"""Runs tests against changed modules: a process that has pytest loaded and forks for each mutant.

It is started in a copy of the project outside any git repository, so that a mutant that deletes,
checks out or overwrites has nothing of the user's to reach. Each line of its standard input is a
request, each line of its standard output the answer.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_MEMORY_BYTES = 4 << 30
TEST_FAILED = 1
LOAD_FAILED = 100
"""Exit codes of a child in which a test failed, and of one in which an import failed. pytest's own
codes do not tell a failed import from a test that does not exist."""


class _Loader(SourceFileLoader):
    """Loads one module from a text instead of its file."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> Any:
        return compile(self._source, self.path, "exec", dont_inherit=True)

    def get_data(self, path: str | ReadableBuffer) -> bytes:
        return self._source


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the changed module before its file is found."""

    def __init__(self, name: str, path: str, source: str) -> None:
        self._name, self._path, self._source = name, path, source.encode()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path, self._source)
        package = [str(Path(self._path).parent)] if self._path.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=loader, submodule_search_locations=package
        )


class _Failures:
    """Notes what failed in a run of pytest."""

    def __init__(self) -> None:
        self.code: int | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.code = TEST_FAILED

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.code = LOAD_FAILED


def run_tests(tests: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Run tests in this process; examples are drawn the same way each time."""
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None, print_blob=False
    )
    hypothesis.settings.load_profile("mutation")
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        options = [
            "-x",
            "--assert=plain",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:pytest_cov",
        ]
        return int(
            pytest.main([*options, f"--basetemp={directory}/tests", *tests], plugins=[*plugins])
        )


def _child(request: dict[str, Any]) -> int:
    """Run a request's tests with its module changed, silently and within its limits."""
    quiet = os.open(
        os.devnull if not request.get("output") else request["output"],
        os.O_RDWR | os.O_CREAT | os.O_APPEND,
        0o600,
    )
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    seconds = int(request["cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    if request["module"]:
        sys.meta_path.insert(0, _Finder(request["module"], request["path"], request["source"]))
        try:
            importlib.import_module(request["module"])
        except Exception:  # a conftest.py that fails to load has no report of its own
            return LOAD_FAILED
    failures = _Failures()
    code = run_tests(request["tests"], [failures])
    return code if failures.code is None else failures.code


def _run(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, run the tests, and say how they ended."""
    scratch = tempfile.mkdtemp(prefix="w-")
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = 3
        with contextlib.suppress(BaseException):
            os.setsid()
            os.environ["TMPDIR"] = tempfile.tempdir = scratch
            code = _child(request)
        os._exit(code)
    descriptor = os.pidfd_open(pid)
    ready, _, _ = select.select([descriptor], [], [], request["wall_seconds"])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(descriptor)
    shutil.rmtree(scratch, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status) if ready else -signal.SIGKILL
    return {"code": code, "seconds": time.monotonic() - started}


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        answers.write(json.dumps(_run(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
