"""Whole runs of train.py, as a workspace starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import profiles
from tests.world import DEADLINE_SECONDS

SUMMARY_KEYS = [
    "val_bpb",
    "training_seconds",
    "total_seconds",
    "peak_vram_mb",
    "mfu_percent",
    "total_tokens_M",
    "num_steps",
    "num_params_M",
    "depth",
    "device",
]


SMALL = {"DEPTH": 1, "ASPECT_RATIO": 32, "DEVICE_BATCH_SIZE": 1, "TOTAL_BATCH_SIZE": 256}
"""A model that learns in a second."""

EVEN_STEPS = """\
import itertools
import runpy
import time

readings = itertools.count()
time.perf_counter = lambda: 0.03 * next(readings)
runpy.run_path("train.py", run_name="__main__")
"""
"""Runs train.py with a clock by which each step takes 0.03 seconds, on any machine."""


def make_workspace(folder: Path, **literals: object) -> Path:
    """A new workspace of the CPU profile, with some literals changed."""
    folder.mkdir()
    for name, text in profiles.workspace_files("cpu").items():
        for literal, value in literals.items():
            if re.search(rf"^{literal} = ", text, re.MULTILINE):
                text = profiles.set_literals(text, {literal: value})
        (folder / name).write_text(text, "utf-8")
    return folder


def run(workspace: Path, budget: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    # Threads that wait for each other cost most on a machine with other work.
    environment = {**os.environ, "AUTORESEARCH_TIME_BUDGET": budget, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *(words or ["train.py"])],
        cwd=workspace,
        env=environment,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
    )


def test_a_run_ends_with_the_summary(tmp_path: Path) -> None:
    """Every key in order, a sensible value for each, and progress lines of the known form."""
    workspace = make_workspace(tmp_path / "w", EVAL_TOKENS=8192, **SMALL)
    done = run(workspace, "2", "-c", EVEN_STEPS)
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    head, _, summary = out.partition("\n---\n")
    pairs = [line.split(":", 1) for line in summary.splitlines()]
    assert [key for key, _ in pairs] == SUMMARY_KEYS
    values = {key: value.strip() for key, value in pairs}
    assert 2.0 < float(values["val_bpb"]) < 6.0
    assert 2.0 <= float(values["training_seconds"]) < 4.0
    assert float(values["total_seconds"]) > float(values["training_seconds"])
    assert float(values["peak_vram_mb"]) > 100
    assert values["device"] == "cpu"
    assert "Adjustments for cpu: dtype=float32" in head
    assert re.search(r"CPU share: \d+% of \d+ threads", head)

    progress = re.compile(
        r"step \d{5} \(\d+\.\d%\) \| loss: \d+\.\d{6} \| lrm: \d\.\d\d \| dt: \d+ms "
        r"\| tok/sec: [\d,]+ \| mfu: \d+\.\d% \| epoch: \d+ \| remaining: \d+s    "
    )
    lines = [line.split("\n")[0] for line in head.split("\r")[1:]]
    assert all(progress.fullmatch(line) for line in lines), lines
    assert lines[0].startswith("step 00000 (0.0%)")
    assert "(100.0%)" in lines[-1]
    assert int(lines[-1][5:10]) == int(values["num_steps"]) - 1
    assert len(lines) <= 2 + 5 * 4 < int(values["num_steps"])  # fast steps share a line


def test_an_exploding_loss_ends_the_run_at_once(tmp_path: Path) -> None:
    """FAIL, exit code 1, no summary."""
    rates = {"MATRIX_LR": 1e30, "EMBEDDING_LR": 1e30, "X0_LAMBDA": 1e30}
    workspace = make_workspace(tmp_path / "w", **SMALL, **rates)
    done = run(workspace, "60")
    assert done.returncode == 1
    assert b"\nFAIL\n" in done.stdout
    assert b"Evaluation" not in done.stdout
    assert b"val_bpb" not in done.stdout


@pytest.mark.parametrize("budget", ["abc", "0", "-3", "inf", "nan"])
def test_a_bad_budget_is_told_in_one_line(budget: str) -> None:
    """By constants.py alone, before PyTorch is loaded."""
    code = "import constants"
    harness = Path(profiles.__file__).parent
    environment = {**os.environ, "AUTORESEARCH_TIME_BUDGET": budget}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=harness, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    expected = f"AUTORESEARCH_TIME_BUDGET must be a number of seconds above 0, not '{budget}'\n"
    assert done.stderr == expected


def test_missing_data_ends_the_run_with_what_to_do(tmp_path: Path) -> None:
    """Exit code 1; the last line names the command."""
    done = run(make_workspace(tmp_path / "w", DATA_SOURCE="climbmix"), "2")
    assert done.returncode == 1
    last = done.stderr.decode().strip().splitlines()[-1]
    assert "data not found" in last
    assert "python prepare.py --source climbmix" in last
