"""Finds results that are too good to be kept without the user, because a mistake may explain them.

They contradict nothing, unlike the doubts of `engine.core.verdict`, so that only the user can tell.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.enums import Direction

SHORT_SHARE = 0.5
"""Share of the time budget below which a run counts as short."""
FAR_FACTOR = 10.0
"""A gain is far above all others where it is this many times the largest one kept so far."""
FAR_SHARE = 0.1
"""The least share of the value at which such a gain is unusual at all."""
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
    # Relative to the larger one, so that halving a loss and doubling an accuracy count alike.
    share = gain / max(abs(value), abs(incumbent))
    largest = max(kept_gains, default=0.0)
    if largest > 0 and gain > FAR_FACTOR * largest and share > FAR_SHARE:
        found.append(f"the gain {gain:.6g} is {gain / largest:.0f} times the largest one so far")
    elif largest <= 0 and share > FIRST_SHARE:
        found.append(f"the gain is {share:.0%} of the value, and nothing else was kept so far")
    return tuple(found)
