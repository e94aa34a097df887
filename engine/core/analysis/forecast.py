"""What the language models of a session cost so far, and how far its caps reach."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.session import Session


class Forecast(NamedTuple):
    """Costs as means of what was spent; None where nothing is known."""

    dollars_per_experiment: float | None
    tokens_per_experiment: float | None
    dollars_per_keep: float | None
    """Of all that was spent, for each kept gain; the baseline is none."""
    dollars_at_end: float | None
    """When all experiments of the session are done; None without an end or a price."""
    experiments_left: int | None
    """Before a cap on dollars or tokens is reached; None without a cap."""


def forecast(session: Session) -> Forecast:
    """The means so far, carried on to the caps."""
    spent, config = session.spending, session.config
    # The one that is being drafted has cost something already, and counts as far as it has come.
    asked = sum(1 for e in session.experiments if e.spending.calls) + bool(session.drafting.calls)
    priced = spent.calls > spent.unpriced
    dollars = spent.dollars / asked if asked and priced else None
    tokens = spent.tokens / asked if asked else None
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
    """Whether the caps leave room for a draft that may be thrown away, and for one in its place."""
    left = forecast(session).experiments_left
    return left is None or left >= 2
