"""Judges the keeps of a replayed session again, by a keep rule and a σ that the user chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec.structs import replace as with_fields

from engine.core.analysis.counterfactual import WhatIf, known_spread, what_if
from engine.core.analysis.kept_runs import (
    keeps_of_session,
    keeps_of_table,
    spread_of_table,
)
from engine.core.config import CONFIRM, GREEDY, MIN_DELTA
from engine.core.keep_rule.from_session import spread_of
from engine.core.session import Session
from engine.core.spread import Spread
from engine.replay.source import ReplaySource

_STEPS_PER_DECADE = 10
"""Steps of the slider by which σ grows tenfold: each is a factor of 1.26."""
_SMALLEST, _LARGEST = 1e-12, 1e12


@dataclass(frozen=True)
class Question:
    """A keep rule and a σ by which the keeps are judged again."""

    rule: str
    spread: Spread

    def moved(self, steps: int) -> Question:
        """Return the question with σ larger or smaller by steps of the slider; it counts as known.

        Args:
            steps: Number of steps; negative for a smaller σ.
        """
        sigma = self.spread.sigma * 10 ** (steps / _STEPS_PER_DECADE)
        return self.at(min(max(sigma, _SMALLEST), _LARGEST))

    def at(self, sigma: float) -> Question:
        """Return the question with a σ that the user gave."""
        return replace(self, spread=known_spread(sigma))


def estimated_spread(source: ReplaySource, session: Session) -> Spread | None:
    """Return σ from repeated commits of a table or journal; None where it is not known.

    Args:
        source: The recording.
        session: The session at the moment that is shown.
    """
    found = spread_of(session) if source.table is None else spread_of_table(source.table)
    return found if found is not None and found.is_known and found.sigma else None


def judge_moment(source: ReplaySource, session: Session, question: Question) -> WhatIf:
    """Judge the keeps up to the moment that is shown.

    Args:
        source: The recording.
        session: The session at that moment.
        question: The keep rule and σ.
    """
    if source.table is None:
        keeps = keeps_of_session(session)
    else:
        rows = source.table.rows[: len(session.experiments)]
        keeps = keeps_of_table(with_fields(source.table, rows=rows))
    return what_if(keeps, with_fields(session.config, rule=question.rule), question.spread)


def rules_for(session: Session) -> tuple[str, ...]:
    """Return the keep rules to choose from: min_delta only where the session has one."""
    delta = (MIN_DELTA,) if session.config.min_delta else ()
    return (CONFIRM, *delta, GREEDY)


def sigma_of(text: str) -> float | None:
    """Return the σ that the user typed; None where the text is not a finite number above 0."""
    try:
        sigma = float(text.strip().removeprefix("σ").replace("−", "-"))
    except ValueError:
        return None
    return sigma if _SMALLEST <= sigma <= _LARGEST else None
