"""Finds runs whose speed differs from the incumbent's without a reason in the edit.

A run beside another program, on a hot device or with lower clocks makes fewer steps in its budget,
so that its metric says nothing about the edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.core.events import Measurement

SLOWEST = 0.75
"""Share of the incumbent's speed below which a run is not comparable, and above its inverse."""
LEAST_SECONDS = 10.0
"""Seconds of training below which a speed is too uncertain to be compared."""
_LEAST_STEPS = 20
_NEUTRAL = re.compile(
    r"(?:^|_)(?:LR|RATE|DECAY|WARM\w*|COOL\w*|BETAS?|EPS|EPSILON|MOMENTUM|CLIP|INIT|SEED|SCALE|"
    r"DROPOUT|SMOOTHING|RATIO|FRAC|WD|MOMENTA)(?:_|\d|$)",
    re.I,
)
"""Matches names of knobs whose value does not change how long a step takes."""


def speeds(measurement: Measurement) -> dict[str, float]:
    """Return the speeds that a run's figures give, by unit; empty where it was too short."""
    seconds, steps = measurement.training_seconds, measurement.steps
    if seconds is None or seconds < LEAST_SECONDS or (steps is not None and steps < _LEAST_STEPS):
        return {}
    found = {
        "tokens/s": measurement.tokens_per_second or 0.0,
        "steps/s": steps / seconds if steps else 0.0,
    }
    return {unit: speed for unit, speed in found.items() if speed > 0}


def keeps_speed(knobs: Iterable[str], *, is_whole_edit: bool) -> bool:
    """Return whether an edit changes only knobs that have no effect on the time of a step.

    Args:
        knobs: The names of the knobs that it changes.
        is_whole_edit: Whether it changes nothing else.
    """
    names = list(knobs)
    return is_whole_edit and bool(names) and all(_NEUTRAL.search(name) for name in names)


def find_incomparable(measurement: Measurement, reference: Measurement) -> str:
    """Return in which way a run was far slower or faster than one of equal work; "" for none.

    Args:
        measurement: The figures of the run.
        reference: Those of a run of the same code, or of code whose steps take as long.
    """
    before = speeds(reference)
    for unit, speed in speeds(measurement).items():
        if unit in before and not SLOWEST <= (ratio := speed / before[unit]) <= 1 / SLOWEST:
            return (
                f"it made {speed:,.4g} {unit}, {ratio:.0%} of the {before[unit]:,.4g} before, and "
                "the edit does not explain that"
            )
    return ""
