"""Each benchmark runs to its end and prints its figures; a short run judges no speed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import WARM_SERVER_VARIABLE, warm_server

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("bench_*.py"))

_RATIO = re.compile(r"^\S.*, against its floor: (\d\S*) times$", re.M)


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_short_run_ends_and_prints_its_ratios(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path), "--quick"],
        env={**os.environ, WARM_SERVER_VARIABLE: warm_server()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    ratios = [float(number) for number in _RATIO.findall(done.stdout)]
    assert ratios, done.stdout
    assert all(ratio > 0 for ratio in ratios)


def test_a_checkout_is_compared_with_another() -> None:
    compare = BENCHMARKS[0].with_name("compare.py")
    done = subprocess.run(
        [sys.executable, str(compare), "--quick", str(compare.parents[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("against the other checkout: ") == 6


def test_an_aim_that_is_missed_fails_a_full_run(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.figures import Figures

    figures = Figures()
    figures.ratio("work", 2.0, 1.0, at_most=2.0)
    assert figures.exit_code == 0
    figures.show("gain", 1.1, "times", at_least=1.2)
    assert figures.exit_code == 1
    assert capsys.readouterr().out.splitlines() == [
        "work, against its floor: 2 times (aim: at most 2)",
        "gain: 1.1 times (aim: at least 1.2, MISSED)",
    ]
