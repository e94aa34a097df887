"""The rough prediction of a run's memory: which knob counts how much."""

from __future__ import annotations

import pytest

from engine.core.risk import Edit, ParsedSource, RiskContext, assess
from engine.core.risk.size import memory_ratio


def ratio(base: str, candidate: str) -> float:
    return memory_ratio(Edit(ParsedSource(base), ParsedSource(candidate), RiskContext()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Rows and length: activations alone.
        ("DEVICE_BATCH_SIZE", 2.0),
        ("MICRO_BATCH_SIZE", 2.0),
        ("BATCH_SIZE", 2.0),
        ("MAX_SEQ_LEN", 2.0),
        ("BLOCK_SIZE", 2.0),
        ("CONTEXT_LENGTH", 2.0),
        # Layers: both, and half the growth of the weights is less.
        ("DEPTH", 2.0),
        ("N_LAYER", 2.0),
        ("N_LAYERS", 2.0),
        ("NUM_LAYERS", 2.0),
        # Width: weights with its square, half of whose growth counts.
        ("ASPECT_RATIO", 2.5),
        ("WIDTH", 2.5),
        ("D_MODEL", 2.5),
        ("HIDDEN", 2.5),
        ("MLP_RATIO", 2**0.5),
        ("EXPANSION", 2**0.5),
        # Neither.
        ("TOTAL_BATCH_SIZE", 1.0),
        ("HEAD_DIM", 1.0),
        ("LR", 1.0),
    ],
)
def test_doubling_a_knob_multiplies_the_memory(name: str, expected: float) -> None:
    assert ratio(f"{name} = 4\n", f"{name} = 8\n") == pytest.approx(expected)


def test_an_aspect_ratio_makes_width_grow_with_depth() -> None:
    base = "ASPECT_RATIO = 64\nDEPTH = 4\n"
    # Activations 2 × 2, weights 2 × 2²: half of the growth from 1 to 8 is 3.5.
    assert ratio(base, base.replace("DEPTH = 4", "DEPTH = 8")) == pytest.approx(4.5)
    assert ratio(base, base.replace("64", "128")) == pytest.approx(2.5)


def test_knobs_multiply_and_smaller_ones_save() -> None:
    base = "BATCH_SIZE = 8\nSEQ_LEN = 64\n"
    assert ratio(base, "BATCH_SIZE = 16\nSEQ_LEN = 192\n") == pytest.approx(6.0)
    assert ratio(base, "BATCH_SIZE = 16\nSEQ_LEN = 32\n") == pytest.approx(1.0)
    assert ratio(base, "BATCH_SIZE = 4\nSEQ_LEN = 64\n") == pytest.approx(1.0)


@pytest.mark.parametrize(
    "candidate",
    ["BATCH_SIZE = 0\n", "BATCH_SIZE = -8\n", "BATCH_SIZE = 'x'\n", "OTHER = 8\n"],
)
def test_what_cannot_be_compared_predicts_nothing(candidate: str) -> None:
    assert ratio("BATCH_SIZE = 8\n", candidate) == 1.0


def test_a_factor_beyond_all_sense_is_bounded() -> None:
    assert ratio("BATCH_SIZE = 1\n", f"BATCH_SIZE = {10**9}\n") == pytest.approx(1000.0)


@pytest.mark.parametrize(("used", "asked"), [(40.0, True), (38.0, False), (37.0, False)])
def test_the_user_is_asked_above_the_share_of_the_device_and_not_at_it(
    used: float, asked: bool
) -> None:
    # Twice 38 GB is exactly 95 % of 80 GB.
    found = assess(
        "BATCH_SIZE = 8\n",
        "BATCH_SIZE = 16\n",
        RiskContext(memory_gb=used, memory_limit_gb=80.0),
    )
    assert bool([f for f in found if f.rule == "memory"]) is asked
