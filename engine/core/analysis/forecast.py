"""Forecasts what a session will spend on language models, from the costs so far."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.session import Session


class Forecast(NamedTuple):
    """A session's mean costs so far, and what its caps still allow; None where unknown."""

    dollars_per_experiment: float | None
    tokens_per_experiment: float | None
    dollars_per_keep: float | None
    """All dollars spent, divided by the number of keeps without the baseline."""
    dollars_at_end: float | None
    """Dollars the whole session will have cost; None without a limit of experiments or a price."""
    experiments_left: int | None
    """Further experiments until a cap is reached; None without a cap or a known mean cost."""


def forecast(session: Session) -> Forecast:
    """Return a session's mean costs and the experiments its caps allow. Calls no model."""
    spent, config = session.spending, session.config
    # The proposal in progress counts with its costs so far.
    with_calls = sum(1 for e in session.experiments if e.spending.calls) + bool(
        session.drafting.calls
    )
    priced = spent.calls > spent.unpriced
    dollars = spent.dollars / with_calls if with_calls and priced else None
    tokens = spent.tokens / with_calls if with_calls else None
    keeps = max(0, session.counts.keep - (session.baseline is not None))
    left: list[float] = []
    if config.max_dollars is not None and dollars:
        left.append((config.max_dollars - spent.dollars) / dollars)
    if config.max_tokens is not None and tokens:
        left.append((config.max_tokens - spent.tokens) / tokens)
    more = (
        None
        if config.max_experiments is None
        else max(0, config.max_experiments - len(session.experiments))
    )
    return Forecast(
        dollars_per_experiment=dollars,
        tokens_per_experiment=tokens,
        dollars_per_keep=spent.dollars / keeps if keeps and priced else None,
        dollars_at_end=None if more is None or dollars is None else spent.dollars + more * dollars,
        experiments_left=max(0, int(min(left))) if left else None,
    )


def affords_ahead(session: Session) -> bool:
    """Return whether the caps allow two more proposals: one in advance, and its replacement."""
    left = forecast(session).experiments_left
    return left is None or left >= 2
