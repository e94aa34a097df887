"""What is said of a run that failed: the words of its log, its exit, and what to do next."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.enums import Outcome
from engine.core.outcome import Classified, Ending, classify

TAIL = "\n".join(f"line {n}" for n in range(9))
LAST_FIVE = "line 4\nline 5\nline 6\nline 7\nline 8"


def ended(**facts: Any) -> Classified:
    """Classify a run that exited with 1 and no metric, except for what is given."""
    given: dict[str, Any] = {
        "exit_code": 1,
        "signal": None,
        "killed_by": None,
        "metric": None,
        "metric_name": "val_bpb",
        "loss": 3.0,
        "traceback": "",
        "tail": "",
        "saw_fail": False,
        "base_works": True,
    }
    return classify(Ending(**{**given, **facts}))


def test_a_finished_run_needs_no_words() -> None:
    assert ended(exit_code=0, metric=1.0) == Classified(Outcome.FINISHED, "")
    assert ended(exit_code=0, metric=1.0).todo == ""


@pytest.mark.parametrize("facts", [{"exit_code": 1}, {"exit_code": None, "signal": 11}])
def test_a_metric_does_not_make_a_failed_process_a_finished_run(facts: dict[str, Any]) -> None:
    assert ended(metric=1.0, **facts).outcome is Outcome.CODE_CRASH


def test_a_metric_that_is_not_a_number_is_named() -> None:
    assert ended(exit_code=0, metric=float("nan")).detail == "val_bpb is nan"


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("request", "killed by request"),
        ("silence", "silent"),
        ("deadline", "its hard deadline"),
        ("start-up", "the time for start-up"),
        ("evaluation", "the time for evaluation"),
    ],
)
def test_a_run_that_was_killed_says_by_what(by: str, says: str) -> None:
    assert says in ended(killed_by=by, signal=9).detail


def test_a_run_that_flooded_its_log_shows_the_end_of_it() -> None:
    assert ended(killed_by="log flood", tail=TAIL).detail == f"it flooded its log\n{LAST_FIVE}"


def test_a_run_without_a_metric_names_the_missing_line_and_shows_the_log() -> None:
    detail = ended(exit_code=0, tail=TAIL).detail
    assert "`val_bpb: <number>`" in detail
    assert detail.endswith(LAST_FIVE)
    assert ended(exit_code=0).detail.endswith("<number>`")


def test_a_crash_shows_its_traceback_else_its_exit_and_the_log() -> None:
    assert ended(traceback="Traceback …\nTypeError: no").detail == "Traceback …\nTypeError: no"
    assert ended(exit_code=3, tail=TAIL).detail == f"exit 3\n{LAST_FIVE}"


@pytest.mark.parametrize(("signal", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (99, "signal 99")])
def test_a_run_killed_by_a_signal_names_it(signal: int, name: str) -> None:
    found = ended(exit_code=None, signal=signal, tail=TAIL)
    assert found.outcome is Outcome.CODE_CRASH
    assert found.detail == f"killed by {name}\n{LAST_FIVE}"


@pytest.mark.parametrize("signal", [1, 2, 3, 15])
def test_a_signal_that_asks_a_process_to_end_is_an_interruption(signal: int) -> None:
    assert ended(exit_code=None, signal=signal).outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("code", [130, 143])
def test_a_shell_that_reports_such_a_signal_is_an_interruption(code: int) -> None:
    assert ended(exit_code=code).outcome is Outcome.INTERRUPTED
    assert ended(exit_code=code + 1).outcome is Outcome.CODE_CRASH


def test_running_out_of_memory_shows_the_line_that_says_so() -> None:
    found = ended(tail=f"before\n   torch.OutOfMemoryError: {'x' * 600}\nafter")
    assert found.outcome is Outcome.OUT_OF_MEMORY
    assert found.detail.startswith("torch.OutOfMemoryError: xxx")
    assert len(found.detail) == 500
    for facts in ({"exit_code": None, "signal": 9}, {"exit_code": 137}):
        assert "signal 9" in ended(**facts).detail


@pytest.mark.parametrize(
    ("line", "says", "todo"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full", "Free space"),
        ("OSError: [Errno 122] Disk quota exceeded", "quota", "Free space"),
        ("OSError: [Errno 30] Read-only file system", "read-only", "writable"),
        ("OSError: [Errno 24] Too many open files", "too many files", "ulimit"),
        ("No parquet files found", "training data is missing", "Prepare"),
        ("Run prepare.py first", "training data is missing", "Prepare"),
        ("CUDA driver version is insufficient for CUDA runtime", "GPU cannot", "nvidia-smi"),
        ("RuntimeError: CUDA error: unknown error", "GPU cannot", "nvidia-smi"),
        ("uncorrectable ECC error encountered", "GPU cannot", "nvidia-smi"),
        ("CUDA-capable device(s) is/are busy or unavailable", "GPU cannot", "nvidia-smi"),
    ],
)
def test_a_fault_of_the_machine_says_what_and_what_to_do(line: str, says: str, todo: str) -> None:
    found = ended(tail=f"{TAIL}\n{line}")
    assert found.outcome is Outcome.ENVIRONMENT
    assert says in found.detail
    assert found.detail.endswith(line)
    assert todo in found.todo and "resume" in found.todo


@pytest.mark.parametrize(("after", "outcome"), [(3, Outcome.ENVIRONMENT), (4, Outcome.CODE_CRASH)])
def test_after_a_run_that_worked_the_last_four_lines_count(after: int, outcome: Outcome) -> None:
    tail = "No space left on device" + "\nmore" * after
    assert ended(tail=tail).outcome is outcome
    assert ended(tail=tail, base_works=False).outcome is Outcome.ENVIRONMENT


@pytest.mark.parametrize(
    ("code", "says", "todo"),
    [(127, "was not found", "in PATH"), (126, "may not be executed", "interpreter")],
)
def test_a_command_that_cannot_be_run_is_the_machines_fault(
    code: int, says: str, todo: str
) -> None:
    found = ended(exit_code=code, tail=TAIL)
    assert found.outcome is Outcome.ENVIRONMENT
    assert f"{says} (exit {code})" in found.detail
    assert found.detail.endswith(LAST_FIVE)
    assert todo in found.todo
    assert "config.toml" in found.todo


PATCH = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n{}\n"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("+import apex", Outcome.CODE_CRASH),
        ("+from apex.optimizers import FusedAdam", Outcome.CODE_CRASH),
        ("-import apex", Outcome.ENVIRONMENT),
        (" import apex", Outcome.ENVIRONMENT),
        ("+import apexlike", Outcome.ENVIRONMENT),
    ],
)
def test_a_missing_module_is_the_edits_fault_only_where_the_edit_names_it(
    line: str, outcome: Outcome
) -> None:
    tail = "ModuleNotFoundError: No module named 'apex.optimizers'"
    found = ended(tail=tail, edit=PATCH.format(line))
    assert found.outcome is outcome
    if outcome is Outcome.ENVIRONMENT:
        assert "apex.optimizers" in found.detail
        assert found.todo.startswith("Install apex.optimizers")


def test_the_file_names_of_a_patch_are_not_its_content() -> None:
    patch = "--- a/apex.py\n+++ b/apex.py\n@@ -1 +1 @@\n+x = 1\n"
    found = ended(tail="ModuleNotFoundError: No module named 'apex'", edit=patch)
    assert found.outcome is Outcome.ENVIRONMENT


def test_a_file_that_is_missing_before_anything_worked_says_where_to_put_it() -> None:
    tail = "FileNotFoundError: [Errno 2] No such file or directory: 'tokens.bin'"
    found = ended(tail=tail, base_works=False)
    assert found.outcome is Outcome.ENVIRONMENT
    assert found.detail == f"a file is missing\n{tail}"
    assert "Put it in place" in found.todo


def test_the_traceback_counts_as_much_as_the_end_of_the_log() -> None:
    assert ended(traceback="MemoryError", tail="cleaning up").outcome is Outcome.OUT_OF_MEMORY
    assert ended(traceback="x\nKeyboardInterrupt\n").outcome is Outcome.INTERRUPTED
    assert ended(traceback="KeyboardInterrupt\nTypeError: x").outcome is Outcome.CODE_CRASH


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_exploded_is_told_apart_from_a_crash(loss: float) -> None:
    assert ended(loss=loss).outcome is Outcome.NAN
    assert "NaN" in ended(loss=loss).detail
    assert ended(loss=None).outcome is Outcome.CODE_CRASH
