"""What runs the suite: warm processes, busy loops and the report of coverage."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.run_coverage import percentages, show
from tests.run_loaded import busy_machine
from tests.warm import run_warm
from tests.world import run_command, wait_for


@pytest.mark.parametrize("words", [("--version",), ("status",), ("no such verb",)])
def test_a_warm_command_does_what_the_installed_one_does(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    warm, installed = run_warm(*words, cwd=tmp_path), run_command(*words, cwd=tmp_path)
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        installed.returncode,
        installed.stdout,
        installed.stderr,
    )


def test_busy_loops_end_with_their_block() -> None:
    with busy_machine(2):
        loops = [p for p in psutil.Process().children() if "getppid" in " ".join(p.cmdline())]
        assert len(loops) == 2
    wait_for(lambda: not any(loop.is_running() for loop in loops), "the end of the loops")


def test_coverage_is_counted_by_package_and_held_against_its_floor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def file(lines: int, branches: int, of: int) -> dict[str, dict[str, float]]:
        covered = {"covered_lines": lines, "covered_branches": branches}
        return {"summary": {**covered, "num_statements": of, "num_branches": of}}

    measured = percentages(
        {
            "engine/core/a.py": file(10, 10, 10),
            "engine/core/table/b.py": file(5, 0, 10),
            "engine/store/c.py": file(9, 9, 10),
            "tui/cli.py": file(1, 1, 4),
        }
    )
    assert measured == {"engine.core": 62.5, "engine.store": 90.0, "tui": 25.0}
    assert show(measured, {"engine.core": 62.5, "engine.store": 95.0}) == ["engine.store", "tui"]
    assert "engine.store           90.0 %  (at least 95, FALLEN)" in capsys.readouterr().out
