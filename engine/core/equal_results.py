"""Finds experiments in a row with different sources and the same result, which needs a look."""

from __future__ import annotations

from engine.core.enums import Origin
from engine.core.session import Session

_MANY = 3
"""Different sources in a row with one result, from which on chance is no longer assumed."""
_WINDOW = 20
"""The newest experiments among which the results are; failed ones stand between them."""


def equal_results(session: Session) -> tuple[int, ...]:
    """Return the newest experiments if their sources differ and their results do not; else ().

    They are three, so that a session is warned once for each series of equal results. Edits that
    are not what runs give equal results where a run's result is always the same.
    """
    measured = [
        e
        for e in session.experiments[-_WINDOW:]
        if e.measurement is not None and e.origin is not Origin.CONFIRM
    ][-_MANY - 1 :]
    values = [e.measurement.metric for e in measured if e.measurement is not None]
    alike = len(set(values[-_MANY:])) == 1 and len(values) >= _MANY
    if not alike or (len(values) > _MANY and values[0] == values[-1]):
        return ()
    newest = measured[-_MANY:]
    different = len({session.aliases.get(e.commit, e.commit) for e in newest}) == _MANY
    return tuple(e.number for e in newest) if different else ()
