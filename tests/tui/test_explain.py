"""The verb `explain`: what it says about logs of any origin, with the lines that show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.core.errors import ConfigError, UsageError
from tui.commands.verbs import VERBS, cli

SUMMARY = "---\nval_bpb:          0.997900\ntraining_seconds: 300.1\nnum_steps:        953\n"
STEP = "\rstep 00952 (100.0%) | loss: 2.5 | tok/sec: 1,041 | remaining: 0s    \n"
CRASH = 'Traceback (most recent call last):\n  File "train.py", line 3\nValueError: bad\n'


def explain(path: Path, text: str | bytes, *words: str) -> Result:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CliRunner().invoke(cli, ["explain", str(path), *words])


def facts(path: Path, text: str, *words: str) -> dict[str, Any]:
    """Return the JSON of `explain`, without the size of the file."""
    run: dict[str, Any] = json.loads(explain(path, text, *words, "--json").stdout)["run"]
    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def test_a_finished_run_shows_its_metric_summary_and_progress(log: Path) -> None:
    output = explain(log, f"loading\n{STEP}{SUMMARY}").output
    for text in (
        "6 lines",
        "outcome     finished (exit code 0, as the log suggests)",
        "evidence         4  val_bpb: 0.997900",
        "metric      val_bpb 0.9979",
        "the last value of val_bpb in the log",
        "the only value",
        "candidates  ●      4  val_bpb: 0.997900",
        "training_seconds: 300.1",
        "progress    evaluate: step 952, 100.0%, loss 2.5",
    ):
        assert text in output


def test_a_failed_run_shows_the_error_and_its_line(log: Path) -> None:
    output = explain(log, f"loading\n{CRASH}").output
    assert "outcome     code crash (exit code 1, as the log suggests)" in output
    assert "evidence         4  ValueError: bad" in output
    assert 'File "train.py", line 3' in output


@pytest.mark.parametrize(
    ("text", "words", "outcome", "line"),
    [
        (SUMMARY, (), "finished", 2),
        (SUMMARY, ("--exit-code", "1"), "code crash", 4),
        (CRASH, (), "code crash", 3),
        (f"{CRASH}{SUMMARY}", (), "finished", 5),
        ("torch.OutOfMemoryError: CUDA out of memory.\n", (), "out of memory", 1),
        ("step 5\n", ("--exit-code", "-9"), "out of memory", 1),
        ("step 5\n", ("--exit-code", "137"), "out of memory", 1),
        ("step 5\n", ("--exit-code", "-15"), "interrupted", 1),
        ("bash: uv: command not found\n", (), "environment", 1),
        ("x\nModuleNotFoundError: No module named 'torch'\n", (), "environment", 2),
        ("step 5 loss: nan\nFAIL\n", (), "NaN", 2),
        (CRASH.replace("ValueError: bad", "KeyboardInterrupt"), (), "interrupted", 3),
        ("step 5 (5%) loss: 2.5\n", (), None, 1),
    ],
)
def test_the_outcome_is_told_with_the_line_that_shows_it(
    log: Path, text: str, words: tuple[str, ...], outcome: str | None, line: int
) -> None:
    run = facts(log, text, *words)
    assert (run["outcome"] or "").lower() == (outcome or "").lower()
    assert run["evidence"][-1]["line"] == line
    assert run["exit_code_given"] is bool(words)


def test_every_line_that_names_the_metric_is_listed_with_the_reason(log: Path) -> None:
    text = "Best x: 4\nx: 3\nX: 2\nx: 50%\nx: 1\nx: N/A\n"
    candidates = facts(log, text, "--metric", "x")["candidates"]
    assert [(c["line"], c["value"], c["counts"], bool(c["reason"])) for c in candidates] == [
        (1, None, False, True),
        (2, 3.0, False, False),
        (3, 2.0, False, True),
        (4, 50.0, False, True),
        (5, 1.0, True, False),
        (6, None, False, True),
    ]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--metric-pick", "best"), 1.0),
        (("--metric-pick", "best", "--direction", "max"), 3.0),
        (("--metric-pick", "mean of last 2"), 1.5),
        (("--metric-from", r"re:x: (\d) of"), 3.0),
    ],
)
def test_the_rule_is_that_of_a_session(log: Path, words: tuple[str, ...], value: float) -> None:
    assert facts(log, "x: 3 of\nx: 1\nx: 2\n", "--metric", "x", *words)["value"] == value


def test_a_file_beside_the_log_may_hold_the_metric(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log.parent)
    (log.parent / "results.json").write_text('{"val": {"x": 0.5}}')
    found = facts(log, "done\n", "--metric-from", "results.json:val.x")
    assert (found["value"], found["outcome"]) == (0.5, "finished")
    missing = facts(log, "done\n", "--metric-from", "nothing.json:val.x")
    assert "nothing.json is not read: No such file" in missing["reason"]


def test_a_log_without_the_metric_says_how_to_name_another(log: Path) -> None:
    assert facts(log, "score: 3\n")["outcome"] == "finished"
    assert facts(log, "score: 3\n", "--metric", "x")["outcome"] == "code crash"
    output = explain(log, "score: 3\nother: 4\n").output
    assert "no line names val_bpb" in output
    assert "--metric NAME" in output


def test_what_cannot_be_read_or_is_invalid_is_one_clear_error(log: Path) -> None:
    for name, reason in (("", "Not a regular file"), ("absent.log", "No such file")):
        done = CliRunner().invoke(cli, ["explain", str(log.parent / name)])
        assert isinstance(done.exception, UsageError)
        assert reason in done.exception.why
    done = explain(log, "x: 1\n", "--metric-pick", "median")
    assert isinstance(done.exception, ConfigError)
    assert "metric_pick" in done.exception.what


def test_hostile_bytes_are_shown_as_text(log: Path) -> None:
    done = explain(log, b"\x1b]0;title\x07x: 1\x1b[2J\n\xff\xfe\x00x\x9b31m: 2\n", "--metric", "x")
    assert done.exit_code == 0
    assert "\x1b" not in done.output and "\x9b" not in done.output


def test_it_is_among_the_verbs_for_any_file() -> None:
    assert "explain" in VERBS["Look at any file"]


def test_the_middle_of_a_huge_log_is_skipped(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_CHUNK_BYTES", 64), ("_BEGINNING_BYTES", 64), ("_END_BYTES", 256)):
        monkeypatch.setattr(f"tui.commands.explain.{name}", value)
    text = "first\n" + "x" * 4_000 + f"\n{STEP}{SUMMARY}"
    output = explain(log, text).output
    assert f"{len(text) - 64 - 256:,} bytes in the middle are not read" in output
    assert "outcome     finished" in output and "metric      val_bpb 0.9979" in output
    assert json.loads(explain(log, text, "--json").stdout)["bytes_skipped"] == len(text) - 320
    assert "in the middle" not in explain(log, f"{STEP}{SUMMARY}").output


def test_the_loss_curve_of_any_log_is_summed_up(log: Path) -> None:
    lines = [f"iter {n}: loss {4 - n / 100 + 9 * (n == 30):.4f}, time 3ms\n" for n in range(1, 61)]
    assert facts(log, "".join(lines))["curve"] == "60 points by step, loss 3.99 to 3.4, 1 spike"
    assert "curve       2 points by share of the budget, loss 5 to 2.5" in (
        explain(log, f"step 00000 (0.0%) | loss: 5.0 | remaining: 9s\n{STEP}").output
    )
    assert facts(log, SUMMARY)["curve"] == ""
