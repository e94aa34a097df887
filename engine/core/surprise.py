"""Finds results that are too good to be kept without the user, because a mistake may explain them.

They contradict nothing, unlike the doubts of `engine.core.verdict`, so that only the user can tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from engine.core.enums import Direction

SHORT_SHARE = 0.5
"""Share of the time budget below which a run counts as short."""
FAR_FACTOR = 10.0
"""A gain is far above all others where it is this many times the largest one kept so far."""
FAR_SHARE = 0.1
"""The least share of the value at which such a gain is unusual at all."""
LOSS_SHARE = 0.4
"""The share by which a value may be better than its training loss predicts."""
FIRST_SHARE = 0.5
"""The share of the value at which a gain is unusual while nothing else was kept."""


def find_surprises(
    direction: Direction,
    value: float,
    incumbent: float | None,
    *,
    kept_gains: Iterable[float] = (),
    budget_seconds: float | None = None,
    seconds: float = 0.0,
    baseline_seconds: float = 0.0,
    loss: float | None = None,
    incumbent_loss: float | None = None,
) -> tuple[str, ...]:
    """Return why a measured value should not be kept before the user has looked at it.

    Args:
        direction: The direction in which the metric improves.
        value: The metric's value, which is finite.
        incumbent: The value to beat; None for the baseline.
        kept_gains: The gains of the experiments kept so far, in metric units.
        budget_seconds: The time budget of a run; None where there is none.
        seconds: The run's duration by the engine's clock.
        baseline_seconds: The baseline's duration.
        loss: The last training loss of the run; None where it is unknown.
        incumbent_loss: That of the incumbent's run.

    Returns:
        One sentence for each reason; empty for the baseline, and for a value that is not better
        than the incumbent's.
    """
    if incumbent is None or direction.gain(value, incumbent) <= 0:
        return ()
    gain, found = direction.gain(value, incumbent), []
    if value == 0:
        found.append("the value is exactly 0")
    elif value * incumbent < 0:
        found.append(f"the value changed its sign, from {incumbent:.6g} to {value:.6g}")
    if budget_seconds is not None and seconds < SHORT_SHARE * budget_seconds <= baseline_seconds:
        found.append(
            f"the run took {seconds:.2f} s of its {budget_seconds:g} s, the baseline "
            f"{baseline_seconds:.2f} s"
        )
    if (reason := _unlike_its_loss(direction, value, incumbent, loss, incumbent_loss)) is not None:
        found.append(reason)
    # Relative to the larger one, so that halving a loss and doubling an accuracy count alike.
    share = gain / max(abs(value), abs(incumbent))
    largest = max(kept_gains, default=0.0)
    if largest > 0 and gain > FAR_FACTOR * largest and share > FAR_SHARE:
        found.append(f"the gain {gain:.6g} is {gain / largest:.0f} times the largest one so far")
    elif largest <= 0 and share > FIRST_SHARE:
        found.append(f"the gain is {share:.0%} of the value, and nothing else was kept so far")
    return tuple(found)


def _unlike_its_loss(
    direction: Direction,
    value: float,
    incumbent: float,
    loss: float | None,
    incumbent_loss: float | None,
) -> str | None:
    """Return that a value is far better than the training loss predicts; None where it is not.

    A metric that is lower the better, such as bits per byte, is about the same multiple of the
    training loss in each run. One that was trained on the answers, or is not computed as before, is
    not.
    """
    if direction is not Direction.MIN or not loss or not incumbent_loss:
        return None
    if min(loss, incumbent_loss, value, incumbent) <= 0 or not math.isfinite(loss):
        return None
    predicted = loss * incumbent / incumbent_loss
    if value >= (1 - LOSS_SHARE) * predicted:
        return None
    return (
        f"its training loss {loss:.4g} predicts about {predicted:.4g} by the incumbent's ratio, "
        f"and the value is {value:.4g}"
    )
