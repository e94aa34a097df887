"""Which tests run which lines: each test is measured under its own name."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.worker import run_tests


class _Contexts:
    """Names each test to coverage, and takes its time."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        name = item.nodeid.partition("[")[0]
        self._measured.switch_context(name)
        started = time.process_time()
        yield
        self.seconds[name] += time.process_time() - started
        self._measured.switch_context("")


def main() -> None:
    """Run the tests named as arguments after the file to write; fail where one fails."""
    target, *tests = sys.argv[1:]
    measured = coverage.Coverage(
        data_file=None, branch=True, include=["engine/core/*", "engine/store/*"]
    )
    measured.start()
    contexts = _Contexts(measured)
    code = run_tests(tests, [contexts])
    measured.stop()
    data = measured.get_data()
    lines: dict[str, Any] = {
        str(Path(path).relative_to(Path.cwd())): data.contexts_by_lineno(path)
        for path in data.measured_files()
    }
    Path(target).write_text(json.dumps({"lines": lines, "seconds": contexts.seconds}))
    measured.report(show_missing=True, skip_covered=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
