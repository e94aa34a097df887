"""Finds the guardrails that a measured run breaks, from the figures that the run gave."""

from __future__ import annotations

import math
from collections.abc import Iterable

from engine.core.events import Measurement
from engine.core.guardrail import parse_guardrail
from engine.core.run_log.values import parse_number
from engine.core.text import one_line

TOKENS_PER_SECOND = "tokens_per_second"
"""Name of the figure that follows from `total_tokens_M` and `training_seconds`."""
MEMORY = "memory_gb"
"""Name of the figure of peak memory in GiB, as in results.tsv."""
_FIGURES_LISTED = 12


def figure_of(measurement: Measurement, name: str) -> float | None:
    """Return the figure of that name that a run gave; None where it gave no finite number.

    Small and capital letters are not told apart. A rate that the run does not print is computed
    from its tokens and seconds.
    """
    printed = measurement.summary
    keys = [key for key in printed if key == name] or [
        key for key in printed if key.lower() == name.lower()
    ]
    value = parse_number(printed[keys[-1]]) if keys else _computed(measurement, name.lower())
    return value if value is not None and math.isfinite(value) else None


def _computed(measurement: Measurement, name: str) -> float | None:
    if name == TOKENS_PER_SECOND:
        return measurement.tokens_per_second
    if name == MEMORY and measurement.memory_gb > 0:
        return measurement.memory_gb
    return None


def figures_text(measurement: Measurement) -> str:
    """Return the names of the figures that a run gave, as text for the user: at most twelve."""
    own = (name for name in (TOKENS_PER_SECOND, MEMORY) if name not in measurement.summary)
    names = [n for n in (*measurement.summary, *own) if figure_of(measurement, n) is not None]
    more = f" and {len(names) - _FIGURES_LISTED} more" if len(names) > _FIGURES_LISTED else ""
    return f"{', '.join(one_line(name, 40) for name in names[:_FIGURES_LISTED])}{more}" or "none"


def missing_figures(guards: Iterable[str], measurement: Measurement) -> tuple[str, ...]:
    """Return the guardrails, as text, whose figure a run did not give."""
    found = map(parse_guardrail, guards)
    return tuple(g.text for g in found if figure_of(measurement, g.figure) is None)


def find_breaches(
    guards: Iterable[str], measurement: Measurement, best: Measurement | None
) -> tuple[str, ...]:
    """Return a clause for each guardrail that a run breaks, or that cannot be checked.

    Args:
        guards: The guardrails of the config.
        measurement: The figures that the run gave.
        best: Those of the best experiment so far; None for the baseline, of which only the limits
            that do not depend on it count.
    """
    breaches: list[str] = []
    for guard in map(parse_guardrail, guards):
        limit, value = guard.limit, figure_of(measurement, guard.figure)
        if guard.of_best:
            if best is None:
                continue
            reference = figure_of(best, guard.figure)
            if reference is None:
                breaches.append(f"the best so far has no {guard.figure} for `{guard.text}`")
                continue
            limit *= reference
        if value is None:
            breaches.append(f"it prints no {guard.figure}, which `{guard.text}` limits")
        elif not guard.is_met(value, limit):
            at = f" ({limit:.6g})" if guard.of_best else ""
            breaches.append(f"{guard.figure} is {value:.6g}, against `{guard.text}`{at}")
    return tuple(breaches)
