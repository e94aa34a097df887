"""Knobs: found, of the right kind, and edited without changing anything else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.patches.knob_settings import literal_settings
from engine.core.patches.knobs import (
    Knob,
    KnobError,
    KnobKind,
    find_knobs,
    is_literal,
    knob_changes,
    set_knobs,
)

SOURCE = """\
import math
from prepare import MAX_SEQ_LEN, TIME_BUDGET

# Model architecture
ASPECT_RATIO = 64       # model_dim = depth * ASPECT_RATIO
HEAD_DIM = 128          # target head dimension for attention
WINDOW_PATTERN = "SSSL" # sliding window pattern: L=full, S=half context
ACTIVATION = 'relu2'    # one of: relu | relu2 | gelu

# Optimization — naïve “defaults”
TOTAL_BATCH_SIZE = 2**19 # ~524K tokens per optimizer step
MATRIX_LR: float = 0.04  # learning rate for matrix parameters (Muon)
ADAM_BETAS = (0.8, 0.95) # Adam beta1, beta2
ADAM_EPS = 1e-10
WEIGHT_DECAY = 0.2;  CLIP = 1.0
WARMUP_RATIO = 0.0      # fraction of time budget for LR warmup
WARMUP_STEPS = 100
EMA_DECAY = 0.999
Z_SHIFT = -0.5
USE_ROPE = True
SHORT_WINDOW = 0.5      # a share of the context
DEPTH = (8)             # layers
DEVICE_BATCH_SIZE = 8   # rows
CHUNK = 4 * 1024

H100_BF16_PEAK_FLOPS = 989.5e12
SEED = 42
DATA_SEED = 7
EVAL_TOKENS = 2**20
VOCAB_SIZE = 8192
LOG_EVERY = 10
DTYPE = "bfloat16"
DEVICE = "cuda"
RUN_NAME = "x"
UNCOUNTED_STEPS = 10
TWICE = 3
TWICE = 4
LISTED = [1, 2]
CALLED = math.sqrt(2)
lower = 5
_PRIVATE = 5
A, B = 1, 2
"""

KINDS = {
    "ASPECT_RATIO": KnobKind.INTEGER,
    "HEAD_DIM": KnobKind.POWER_OF_TWO,
    "WINDOW_PATTERN": KnobKind.ENUM,
    "ACTIVATION": KnobKind.ENUM,
    "TOTAL_BATCH_SIZE": KnobKind.POWER_OF_TWO,
    "MATRIX_LR": KnobKind.LOG,
    "ADAM_BETAS": KnobKind.RATIO,
    "ADAM_EPS": KnobKind.LOG,
    "WEIGHT_DECAY": KnobKind.LOG,
    "CLIP": KnobKind.LOG,
    "WARMUP_RATIO": KnobKind.RATIO,
    "WARMUP_STEPS": KnobKind.INTEGER,
    "EMA_DECAY": KnobKind.RATIO,
    "Z_SHIFT": KnobKind.LOG,
    "USE_ROPE": KnobKind.ENUM,
    "SHORT_WINDOW": KnobKind.RATIO,
    "DEPTH": KnobKind.INTEGER,
    "DEVICE_BATCH_SIZE": KnobKind.POWER_OF_TWO,
    "CHUNK": KnobKind.POWER_OF_TWO,
    "H100_BF16_PEAK_FLOPS": KnobKind.FIXED,
    "SEED": KnobKind.FIXED,
    "DATA_SEED": KnobKind.FIXED,
    "EVAL_TOKENS": KnobKind.FIXED,
    "VOCAB_SIZE": KnobKind.FIXED,
    "LOG_EVERY": KnobKind.FIXED,
    "DTYPE": KnobKind.FIXED,
    "DEVICE": KnobKind.FIXED,
    "RUN_NAME": KnobKind.FIXED,
    "UNCOUNTED_STEPS": KnobKind.FIXED,
    "TWICE": KnobKind.FIXED,
}


def knob(source: str, name: str) -> Knob:
    return next(k for k in find_knobs(source) if k.name == name)


def test_kinds() -> None:
    assert {k.name: k.kind for k in find_knobs(SOURCE)} == KINDS


def test_values_literals_comments() -> None:
    batch = knob(SOURCE, "TOTAL_BATCH_SIZE")
    assert (batch.literal, batch.value) == ("2**19", 524288)
    assert batch.comment == "~524K tokens per optimizer step"
    betas = knob(SOURCE, "ADAM_BETAS")
    assert (betas.value, [p.literal for p in betas.parts]) == ((0.8, 0.95), ["0.8", "0.95"])
    assert (knob(SOURCE, "Z_SHIFT").value, knob(SOURCE, "DEPTH").literal) == (-0.5, "8")
    assert knob(SOURCE, "WEIGHT_DECAY").comment == ""


def test_choices() -> None:
    assert knob(SOURCE, "ACTIVATION").parts[0].choices == ("relu", "relu2", "gelu")
    assert knob(SOURCE, "USE_ROPE").parts[0].choices == (False, True)
    patterns = knob(SOURCE, "WINDOW_PATTERN").parts[0].choices
    assert {"SSSL", "SSSS", "SSLL", "SSL", "SSSSL"} <= {*patterns}
    assert all(set(str(p)) <= {"S", "L"} for p in patterns)


@pytest.mark.parametrize(
    ("source", "name", "literal", "expected"),
    [
        ("LR = 0.04  # é rate\n", "LR", "0.05", "LR = 0.05  # é rate\n"),
        ("é = 'ü'; LR=1e-3;X = 1\r\n", "LR", "5e-4", "é = 'ü'; LR=5e-4;X = 1\r\n"),
        ("\f\nLR = (\n  0.1  # why\n)\n", "LR", "0.2", "\f\nLR = (\n  0.2  # why\n)\n"),
        ("\ufeffDEPTH = 4", "DEPTH", "5", "\ufeffDEPTH = 5"),
        ("S = '''a\rb'''\rDEPTH = 4\r", "DEPTH", "5", "S = '''a\rb'''\rDEPTH = 5\r"),
        ("B = 0.8, 0.95 # b\n", "B", "0.9, 0.95", "B = 0.9, 0.95 # b\n"),
        ("N: int = 1_000\n", "N", "2_000", "N: int = 2_000\n"),
        ("X = '\u2028'; DEPTH = 4 # \u2028", "DEPTH", "5", "X = '\u2028'; DEPTH = 5 # \u2028"),
    ],
)
def test_only_the_literal_changes(source: str, name: str, literal: str, expected: str) -> None:
    assert set_knobs(source, {name: literal}) == expected


def test_several_at_once() -> None:
    new = set_knobs(SOURCE, {"SEED": "1", "ASPECT_RATIO": "128", "CLIP": "0.5"})
    assert (knob(new, "SEED").value, knob(new, "ASPECT_RATIO").value) == (1, 128)
    assert knob(new, "CLIP").value == 0.5
    assert len(new) == len(SOURCE)


@pytest.mark.parametrize(
    "literal", ["", "1 # x", "(1)", " 1", "1\n", "f()", "x", "1; Y = 2", "[1]"]
)
def test_an_invalid_literal_is_refused(literal: str) -> None:
    assert not is_literal(literal)
    with pytest.raises(KnobError, match="Invalid value for DEPTH"):
        set_knobs("DEPTH = 4\n", {"DEPTH": literal})


def test_unknown_knob_is_refused() -> None:
    with pytest.raises(KnobError, match=r"no knob NOPE.*DEPTH"):
        set_knobs("DEPTH = 4\n", {"NOPE": "1"})


def test_broken_source_says_where_and_what_to_do() -> None:
    with pytest.raises(KnobError, match=r"not valid Python.*line 2.*Correct the file"):
        find_knobs("X = 1\ndef (:\n")


def test_a_value_written_as_a_power_of_two_stays_one_whatever_its_size() -> None:
    knobs = find_knobs("A = 2**0\nB = 1 << 0\nC = 1 << 5\nD = 3 * 4\n")
    assert [knob.parts[0].kind for knob in knobs] == [
        *(KnobKind.POWER_OF_TWO, KnobKind.POWER_OF_TWO, KnobKind.POWER_OF_TWO, KnobKind.INTEGER)
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "10**10**10", "1/0", "0**-1", "(-8)**0.5", "1e999", "-" * 50 + "1",
        pytest.param("1+" * 300 + "1", id="sum"),
        "'a' * 3", "True + 1", "()", "(1, (2, 3))", "None", "1j", "b'x'", "...", "f'{1}'",
        "2**99", "10**14 * 10**14", "-'a'", "(1, x)",
        pytest.param("9" * 4000, id="long"), "'a' 'b'",
    ],
)  # fmt: skip
def test_irregular_expressions_are_not_knobs(expression: str) -> None:
    for found in find_knobs(f"X = {expression}\nDEPTH = 4\n"):
        assert found.name == "DEPTH" or found.kind is KnobKind.FIXED or found.value is not None


ALPHABET = st.sampled_from(list("AXB019.=()*-+,#'\"\\ \t\r\n\f\ufeff\u2028éLR_"))


@given(st.one_of(st.text(max_size=80), st.text(ALPHABET, max_size=60)))
@example("\x00")
@example("\ud800")
@example("X = '\\d'")
@example("(" * 300)
def test_any_text_raises_the_documented_error_or_none(text: str) -> None:
    try:
        found = find_knobs(text)
    except KnobError:
        return
    for k in found:
        assert text[slice(*k.span)] == k.literal


NUMBERS = st.one_of(
    st.integers(0, 10**9).map(str),
    st.floats(0, 1e9, allow_nan=False).map(repr),
    st.integers(0, 40).map(lambda n: f"2**{n}"),
    st.sampled_from(["-1.5", "(0.9, 0.95)", "'x#y'", '"é"', "True", "4 * 1024", "1e-3"]),
)
NAMES = st.sampled_from(["LR", "DEPTH", "SEED", "ADAM_BETAS", "X2", "BATCH_SIZE"])
FILLERS = st.sampled_from(["", "# é ü\n", "\n", "x = 'ö'\n", "def f():\n    LR2 = 1\n", "\f\n"])
TAILS = st.sampled_from(["\n", "  # a # b\n", "\r\n", ";\n", " # “quoted” (x)\n"])


@given(st.lists(st.tuples(NAMES, NUMBERS, TAILS, FILLERS), min_size=1, max_size=5), NUMBERS)
def test_setting_keeps_every_other_character(
    lines: list[tuple[str, str, str, str]], literal: str
) -> None:
    source = "".join(f"{filler}{name} = {value}{tail}" for name, value, tail, filler in lines)
    for found in find_knobs(source):
        assert ast.literal_eval(found.literal) == found.value if "*" not in found.literal else True
        if sum(name == found.name for name, *_ in lines) > 1:
            continue
        new = set_knobs(source, {found.name: literal})
        start, end = found.span
        assert new[:start] == source[:start]
        assert new[start + len(literal) :] == source[end:]
        again = knob(new, found.name)
        assert again.literal == literal
        assert again.value == knob(f"X = {literal}", "X").value
        assert set_knobs(new, {found.name: found.literal}) == source


def test_the_bundled_training_file() -> None:
    path = Path(__file__).parents[2] / "harness" / "train.py"
    if not path.exists():
        pytest.skip("the harness is not there")
    kinds = {k.name: k.kind for k in find_knobs(path.read_text(encoding="utf-8"))}
    assert sum(kind is not KnobKind.FIXED for kind in kinds.values()) >= 8
    assert all(kind is KnobKind.FIXED for name, kind in kinds.items() if "SEED" in name)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("A_B = 1\nC = 2\n", "A_B = 3\nC = 2\n", {"A_B": ("1", "3")}),
        ("A_B = 1\nC = 2\n", "A_B = 3  # why\n\nC = 4\n", {"A_B": ("1", "3"), "C": ("2", "4")}),
        ("A_B = 1\nprint(A_B)\n", "A_B = 3\nprint(A_B + 1)\n", {}),
        ("A_B = 1\n", "A_B = 1\nC = 2\n", {}),
        ("A_B = 1\n", "A_B = 1\n", {}),
        ("A_B = 1\n", "A_B = 2 +\n", {}),
    ],
)
def test_the_knobs_an_edit_changed(old: str, new: str, changed: dict[str, tuple[str, str]]) -> None:
    assert knob_changes(old, new) == changed


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("3 << 0", 3),
        ("1 << 20", 2**20),
        ("1 << 64", 2**64),
        ("1 << 65", None),
        ("1 << -1", None),
        ("1.5 << 1", None),
        ("2 ** 64", 2**64),
        ("2 ** 65", None),
        ("(10**6) ** 2", 10**12),
        ("(10**6 + 1) ** 2", None),
        ("2 ** -1", 0.5),
        ("7 // 2", 3),
        ("1 / 0", None),
        ("(-8) ** 0.5", None),
        ("-(-3)", 3),
        ("+4", 4),
        ("1e15 * 1e15", None),
        ("5 % 3", None),
        ("-True", None),
    ],
)
def test_constant_arithmetic_is_computed_within_limits(literal: str, value: float | None) -> None:
    found = find_knobs(f"KNOB = {literal}\n")
    assert [knob.value for knob in found] == ([] if value is None else [value])


@pytest.mark.parametrize(("depth", "counts"), [(11, True), (12, True), (13, False)])
def test_arithmetic_nested_too_deep_is_not_a_knob(depth: int, counts: bool) -> None:
    literal = "-" * depth + "1"
    assert bool(find_knobs(f"KNOB = {literal}\n")) is counts


LOWER = """\
import argparse
out_dir = "out"
learning_rate = 5e-4  # max learning rate
weight_decay: float = 1e-1
max_iters = 600  # total number of iterations
decay_lr = True
eval_iters = 20
warmup = max_iters // 10
best = 1e9
accumulation = 4
betas = (0.9, 0.95)
for i in range(3):
    best = min(best, i)
accumulation //= 2


def step():
    dropout = 0.1
"""


def test_names_in_lower_case_are_knobs_where_there_are_no_constants() -> None:
    kinds = {knob.name: knob.kind for knob in find_knobs(LOWER)}
    assert kinds == {
        "learning_rate": KnobKind.LOG,
        "weight_decay": KnobKind.LOG,
        "max_iters": KnobKind.FIXED,
        "decay_lr": KnobKind.ENUM,
        "eval_iters": KnobKind.FIXED,
    }
    edited = set_knobs(LOWER, {"learning_rate": "1e-3"})
    assert edited == LOWER.replace("5e-4", "1e-3")
    assert knob_changes(LOWER, edited) == {"learning_rate": ("5e-4", "1e-3")}
    assert literal_settings("learning_rate=1e-3, decay_lr = False") == {
        "learning_rate": "1e-3",
        "decay_lr": "False",
    }
    assert [knob.name for knob in find_knobs(f"DEPTH = 8\n{LOWER}")] == ["DEPTH"]
