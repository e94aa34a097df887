"""Rules about how an edit behaves: seeds, exits, swallowed errors, and what program.md forbids."""

from __future__ import annotations

import pytest

from engine.core.risk import Finding, RiskContext, assess
from engine.core.risk.conduct import forbidden_names

BASE = """import random, sys, contextlib
import torch

SEED = 42
LR = 0.1

def train():
    return LR

def main():
    train()
    return 0
"""


def found(rule: str, base: str, new: str, program: str = "") -> list[Finding]:
    return [f for f in assess(base, new, RiskContext(program=program)) if f.rule == rule]


def added(rule: str, lines: str) -> list[Finding]:
    """Assess lines added at the beginning of `main`."""
    block = "".join(f"    {line}\n" for line in lines.split("\n"))
    return found(rule, BASE, BASE.replace("def main():\n", f"def main():\n{block}"))


@pytest.mark.parametrize(
    "line",
    [
        "torch.manual_seed(7)",
        "torch.cuda.manual_seed_all(7)",
        "random.seed(7)",
        "rng.seed(7)",
        "DATA_SEED = 7",
        "seed = 7",
    ],
)
def test_a_seed_that_is_set_is_asked_about(line: str) -> None:
    (finding,) = added("seed", line)
    assert finding.lines == (11,)
    assert "seed" in finding.message


@pytest.mark.parametrize("line", ["seeds_sown = 7", "proceed = 7", "x = train()"])
def test_another_name_is_not_a_seed(line: str) -> None:
    assert added("seed", line) == []


def test_a_seed_that_is_changed_or_removed_is_asked_about_once() -> None:
    (changed,) = found("seed", BASE, BASE.replace("SEED = 42", "SEED = 43"))
    assert "changes a random seed" in changed.message
    (removed,) = found("seed", BASE, BASE.replace("SEED = 42\n", ""))
    assert "removes a random seed" in removed.message
    assert found("seed", BASE, BASE.replace("SEED = 42", "SEED = 42  # lucky")) == []


@pytest.mark.parametrize(
    "lines",
    [
        "sys.exit(0)",
        "exit()",
        "raise SystemExit",
        "os._exit(0)",
        "import atexit",
        "import signal",
        "from atexit import register",
        "from signal import alarm",
        "try:\n    train()\nfinally:\n    return 0",
        "for _ in range(3):\n    try:\n        train()\n    finally:\n        break",
        "for _ in x:\n    try:\n        train()\n    finally:\n        train()\n        continue",
        "class Late:\n    def __del__(self):\n        train()",
    ],
)
def test_a_new_way_to_leave_the_run_is_asked_about(lines: str) -> None:
    findings = added("exit-path", lines)
    assert findings
    assert all(11 <= line <= 11 + lines.count("\n") for f in findings for line in f.lines)


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    train()\nfinally:\n    train()",
        "exiting = 1",
        "import math",
        "from math import floor",
        "def late():\n    return 1",
    ],
)
def test_what_ends_nothing_is_not_a_way_to_leave(lines: str) -> None:
    assert added("exit-path", lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    train()\nexcept:\n    pass",
        "try:\n    train()\nexcept Exception:\n    pass",
        "try:\n    train()\nexcept (ValueError, Exception):\n    pass",
        "try:\n    train()\nexcept BaseException as error:\n    print(error)",
        "with contextlib.suppress(Exception):\n    train()",
        "with contextlib.suppress(ValueError, BaseException):\n    train()",
    ],
)
def test_an_error_that_is_swallowed_is_asked_about(lines: str) -> None:
    (finding,) = added("swallowed-error", lines)
    assert "continues after any error" in finding.message


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    train()\nexcept ValueError:\n    pass",
        "try:\n    train()\nexcept Exception:\n    print(1)\n    raise",
        "with contextlib.suppress(ValueError):\n    train()",
        "with open(Exception):\n    train()",
    ],
)
def test_a_narrow_or_raised_error_is_not_swallowed(lines: str) -> None:
    assert added("swallowed-error", lines) == []


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("Do not change `SEED`.", ("SEED",)),
        ("Don't touch `SEED` and `LR`; use `X`.", ("SEED", "LR")),
        ("don’t edit `train()`.", ("train",)),
        ("You must not modify `cfg.LR`.", ("LR",)),
        ("Never remove `LR`.\nChange `X`.", ("LR",)),
        ("It may not alter `LR`: `X` is free.", ("LR",)),
        ("Do not change `prepare.py`.", ()),
        ("Do not change `two words`.", ()),
        ("Do not change `LR`. Never edit `LR`.", ("LR",)),
        ("Do change `LR`.", ()),
        ("", ()),
    ],
)
def test_the_names_that_program_md_forbids(program: str, names: tuple[str, ...]) -> None:
    assert forbidden_names(program) == names


PROGRAM = "Do not change `SEED` or `train`."


@pytest.mark.parametrize(
    ("old", "new", "lines", "says"),
    [
        ("SEED = 42", "SEED = 43", (4,), "`SEED`"),
        ("SEED = 42", "SEED = (\n    43\n)", (4, 5), "`SEED`"),
        ("    return LR", "    return LR + 1", (8,), "`train`"),
        ("    train()\n", "    train(1)\n", (11,), "`train`"),
        ("SEED = 42\n", "", (4,), "lines of the base"),
    ],
)
def test_a_line_of_a_forbidden_name_is_asked_about(
    old: str, new: str, lines: tuple[int, ...], says: str
) -> None:
    (finding,) = found("charter", BASE, BASE.replace(old, new, 1), PROGRAM)
    assert finding.lines == lines
    assert says in finding.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LR = 0.1", "LR = 0.2"),
        ("LR = 0.1", "LR = 0.1  # SEED"),
        ("LR = 0.1", "LR = 'SEED'"),
        ("    return 0", "    return 1"),
    ],
)
def test_a_line_without_the_name_is_free(old: str, new: str) -> None:
    assert found("charter", BASE, BASE.replace(old, new, 1), PROGRAM) == []
    assert found("charter", BASE, BASE.replace("SEED = 42", "SEED = 1"), "Be bold.") == []
