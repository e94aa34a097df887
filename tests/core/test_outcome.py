"""Each way a run can end, by what it leaves behind."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.core.enums import Outcome
from engine.core.outcome import Ending, classify

PLAIN: dict[str, Any] = {
    "exit_code": 0,
    "signal": None,
    "killed_by": None,
    "metric": 1.0,
    "metric_name": "val_bpb",
    "loss": 3.0,
    "traceback": "",
    "tail": "",
    "saw_fail": False,
    "base_works": True,
}
FAILED: dict[str, Any] = {"exit_code": 1, "metric": None}


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, Outcome.FINISHED),
        ({"metric": math.nan}, Outcome.NAN),
        ({"metric": None}, Outcome.CODE_CRASH),
        ({**FAILED, "traceback": "Traceback …\nTypeError: no"}, Outcome.CODE_CRASH),
        ({**FAILED, "saw_fail": True}, Outcome.NAN),
        ({**FAILED, "loss": math.nan}, Outcome.NAN),
        (
            {**FAILED, "traceback": "torch.OutOfMemoryError: CUDA out of memory."},
            Outcome.OUT_OF_MEMORY,
        ),
        (
            {**FAILED, "tail": "RuntimeError: MPS backend out of memory (MPS …"},
            Outcome.OUT_OF_MEMORY,
        ),
        ({**FAILED, "tail": "CUBLAS_STATUS_ALLOC_FAILED"}, Outcome.OUT_OF_MEMORY),
        ({**FAILED, "traceback": "MemoryError"}, Outcome.OUT_OF_MEMORY),
        ({"exit_code": None, "signal": 9, "metric": None}, Outcome.OUT_OF_MEMORY),
        ({"exit_code": 137, "metric": None}, Outcome.OUT_OF_MEMORY),
        ({"exit_code": None, "signal": 11, "metric": None}, Outcome.CODE_CRASH),
        ({"exit_code": None, "signal": 15, "metric": None}, Outcome.INTERRUPTED),
        ({**FAILED, "traceback": "Traceback …\nKeyboardInterrupt"}, Outcome.INTERRUPTED),
        ({**FAILED, "disk_error": "No space left on device"}, Outcome.INTERRUPTED),
        ({"exit_code": 0, "disk_error": "No space left on device"}, Outcome.FINISHED),
        ({"killed_by": "deadline", "signal": 9}, Outcome.TIMEOUT),
        ({"killed_by": "start-up", "signal": 9}, Outcome.TIMEOUT),
        ({"killed_by": "silence", "signal": 9}, Outcome.HANG),
        ({"killed_by": "request", "signal": 15}, Outcome.INTERRUPTED),
        ({"killed_by": "log flood", "signal": 9}, Outcome.CODE_CRASH),
        ({"exit_code": 127, "metric": None, "tail": "uv: command not found"}, Outcome.ENVIRONMENT),
        ({"exit_code": 126, "metric": None}, Outcome.ENVIRONMENT),
        ({**FAILED, "tail": "OSError: [Errno 28] No space left on device"}, Outcome.ENVIRONMENT),
        ({**FAILED, "tail": "data not found; run python prepare.py"}, Outcome.ENVIRONMENT),
        ({**FAILED, "tail": "ModuleNotFoundError: No module named 'torch'"}, Outcome.ENVIRONMENT),
        ({**FAILED, "tail": "RuntimeError: No CUDA-capable device"}, Outcome.CODE_CRASH),
        ({**FAILED, "tail": "no CUDA-capable device is detected"}, Outcome.ENVIRONMENT),
        # Of a base that works, a missing file is the edit's doing; of the baseline, the machine's.
        ({**FAILED, "tail": "FileNotFoundError: [Errno 2] x"}, Outcome.CODE_CRASH),
        (
            {**FAILED, "tail": "FileNotFoundError: [Errno 2] x", "base_works": False},
            Outcome.ENVIRONMENT,
        ),
    ],
)
def test_outcome(facts: dict[str, Any], outcome: Outcome) -> None:
    assert classify(Ending(**{**PLAIN, **facts})).outcome is outcome


def test_a_module_the_edit_itself_imports_is_the_edits_fault() -> None:
    patch = "--- a\n+++ b\n@@ -1 +1,2 @@\n import torch\n+import apex\n"
    end = Ending(**{**PLAIN, **FAILED, "edit": patch, "tail": "No module named 'apex'"})
    assert classify(end).outcome is Outcome.CODE_CRASH


def test_an_environment_outcome_says_what_to_do() -> None:
    end = classify(Ending(**{**PLAIN, "exit_code": 127, "metric": None}))
    assert "resume" in end.todo


WARNED_EARLY = "No space left on device (cache not written)\n" + "step\n" * 8 + "TypeError: no"


@pytest.mark.parametrize(
    ("base_works", "outcome"),
    [(True, Outcome.CODE_CRASH), (False, Outcome.ENVIRONMENT)],
)
def test_after_a_run_that_worked_only_the_last_lines_accuse_the_environment(
    base_works: bool, outcome: Outcome
) -> None:
    facts = {**PLAIN, **FAILED, "tail": WARNED_EARLY, "base_works": base_works}
    assert classify(Ending(**facts)).outcome is outcome


def test_a_failure_that_names_a_withheld_variable_says_how_to_pass_it() -> None:
    facts = {**PLAIN, **FAILED, "traceback": "Traceback …\nKeyError: 'DATA_ROOT'"}
    withheld = ("DATA_ROOT", "KEY")
    later = classify(Ending(**facts, withheld=withheld))
    assert later.outcome is Outcome.CODE_CRASH
    assert "--pass-env DATA_ROOT." in later.todo
    first = classify(Ending(**{**facts, "base_works": False}, withheld=withheld))
    assert first.outcome is Outcome.ENVIRONMENT
    assert "--pass-env DATA_ROOT." in first.todo
    assert "DATA_ROOT" in first.detail
    assert classify(Ending(**facts, withheld=("DATA", "ROOT"))).todo == ""
    assert classify(Ending(**facts)).todo == ""
