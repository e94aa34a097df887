"""What counts as noticing a fault: a failed test or import, never a run without tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.runner import ROOT, UnusableTests, Worker, is_noticed

pytestmark = pytest.mark.xdist_group("hand mutants")
PASSING = "tests/core/test_text.py"
RENAMED = "tests/core/test_text.py::test_of_an_earlier_name"
FILE = "engine/core/verdict.py"


@pytest.mark.parametrize(
    "code", [0, *sorted(set(pytest.ExitCode) - {pytest.ExitCode.TESTS_FAILED})]
)
def test_a_run_in_which_no_test_failed_notices_nothing(code: int) -> None:
    assert not is_noticed(code)


def test_a_missing_test_notices_nothing(worker: Worker) -> None:
    source = (ROOT / FILE).read_text("utf-8")
    code = worker.run(FILE, source, [RENAMED])
    assert code == pytest.ExitCode.USAGE_ERROR and not is_noticed(code)


def test_a_file_without_tests_notices_nothing(worker: Worker) -> None:
    source = (ROOT / FILE).read_text("utf-8")
    code = worker.run(FILE, source, ["tests/core/risk_edits.py"])
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED and not is_noticed(code)


def test_a_change_that_breaks_an_import_is_noticed(worker: Worker) -> None:
    source = (ROOT / FILE).read_text("utf-8") + "\nundefined_name\n"
    assert is_noticed(worker.run(FILE, source, ["tests/core/test_verdict.py"]))


def test_a_map_whose_tests_pass_is_accepted(worker: Worker) -> None:
    worker.check_tests({PASSING: 1.0})


def test_a_map_that_names_a_missing_test_is_refused(worker: Worker) -> None:
    with pytest.raises(UnusableTests) as refused:
        worker.check_tests({PASSING: 1.0, RENAMED: 1.0})
    assert RENAMED in str(refused.value)
    assert "delete .mutation/coverage-*.json" in str(refused.value)


def test_a_map_that_names_a_failing_test_is_refused(worker: Worker, project: Path) -> None:
    failing = "tests/core/test_that_fails.py"
    (project / failing).write_text("def test_sum():\n    assert 1 + 1 == 3\n", "utf-8")
    with pytest.raises(UnusableTests) as refused:
        worker.check_tests({PASSING: 1.0, f"{failing}::test_sum": 1.0})
    assert f"{failing}::test_sum" in str(refused.value)
    assert "fix it first" in str(refused.value)
