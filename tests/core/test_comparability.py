"""Runs whose speed is another one without a reason in the edit are not comparable."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.core.comparability import find_incomparable, keeps_speed, speeds
from engine.core.events import Measurement

BEFORE = Measurement(metric=1.0, training_seconds=300.0, steps=900, tokens_millions=471.9)


def test_speeds_are_those_that_the_figures_give() -> None:
    assert speeds(BEFORE) == {"tokens/s": pytest.approx(1.573e6), "steps/s": 3.0}
    assert speeds(replace(BEFORE, tokens_millions=None)) == {"steps/s": 3.0}
    assert speeds(replace(BEFORE, training_seconds=None)) == {}
    assert speeds(replace(BEFORE, training_seconds=2.0)) == {}  # too short to be compared
    assert speeds(replace(BEFORE, steps=3)) == {}


@pytest.mark.parametrize("share", [0.8, 1.0, 1.3])
def test_a_usual_speed_is_comparable(share: float) -> None:
    run = replace(BEFORE, steps=round(900 * share), tokens_millions=471.9 * share)
    assert find_incomparable(run, BEFORE) == ""


@pytest.mark.parametrize(("share", "text"), [(0.5, "50%"), (2.0, "200%")])
def test_a_far_other_speed_is_not_comparable(share: float, text: str) -> None:
    run = replace(BEFORE, steps=round(900 * share), tokens_millions=None)
    found = find_incomparable(run, BEFORE)
    assert f"{text} of the 3 before" in found and "steps/s" in found


def test_a_run_without_figures_is_comparable() -> None:
    assert find_incomparable(Measurement(metric=1.0), BEFORE) == ""
    assert find_incomparable(BEFORE, Measurement(metric=1.0)) == ""


def test_only_edits_of_knobs_without_effect_on_a_step_keep_the_speed() -> None:
    assert keeps_speed(["MATRIX_LR", "WARMDOWN_RATIO", "ADAM_BETAS"], is_whole_edit=True)
    assert not keeps_speed(["MATRIX_LR", "DEPTH"], is_whole_edit=True)
    assert not keeps_speed(["MATRIX_LR"], is_whole_edit=False)
    assert not keeps_speed([], is_whole_edit=True)
    assert not keeps_speed(["DEVICE_BATCH_SIZE"], is_whole_edit=True)
