"""Formats the finding that a run is too far behind to recover, with its evidence."""

from __future__ import annotations

from engine.core.events import RunFellBehind
from engine.core.text import plural


def behind(found: RunFellBehind) -> str:
    """Return what was found, as the rest of a sentence about the run."""
    what = "is stopped" if found.stops else "is too far behind to recover"
    return (
        f"{what}: at {found.share:.0%} its loss is {found.gap:.4g} above that of #{found.against}"
    )


def evidence(found: RunFellBehind) -> str:
    """Return on what the finding rests, and how often it would have been wrong."""
    lost = plural(found.hindsight_keeps, "keep") if found.hindsight_keeps else "no keep"
    return (
        f"none of {found.curves} finished runs recovered from more than {found.limit:.4g}; judged "
        f"like this, {found.hindsight_stopped} of them would have been stopped, {lost} among them"
    )
