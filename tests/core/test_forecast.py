"""Costs are extrapolated to the caps, and unknown ones are not guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.analysis.forecast import affords_ahead, forecast
from engine.core.config import ResearchConfig
from engine.core.reducer import apply, fold
from engine.core.session import Session
from tests.core.session_events import session_started

AT = datetime(2026, 11, 1, tzinfo=UTC)


def session(config: ResearchConfig, dollars: list[float | None]) -> Session:
    """A session of a baseline and one experiment for each price of its call."""
    events: list[ev.AnyEvent] = [session_started(config, at=AT)]
    proposal = ev.Proposal(patch_id="0" * 12, hypothesis="idea")
    for number, price in enumerate([None, *dollars], start=1):
        if number > 1:
            cost = ev.CostIncurred(
                experiment=number,
                model="m",
                prompt_tokens=900,
                completion_tokens=100,
                dollars=price,
            )
            events.append(replace(cost, at=AT))
        events.append(
            ev.ProposalDrafted(at=AT, experiment=number, base="0" * 40, proposal=proposal, patch="")
        )
    return fold(events)


def test_means_and_caps() -> None:
    config = ResearchConfig(max_dollars=5.0, max_experiments=11)
    view = forecast(session(config, [1.0, 0.5]))
    assert view.dollars_per_experiment == pytest.approx(0.75)
    assert view.tokens_per_experiment == pytest.approx(1000)
    assert view.experiments_left == 4  # 3.50 / 0.75
    assert view.dollars_at_end == pytest.approx(1.5 + 8 * 0.75)


def test_nothing_is_guessed() -> None:
    assert forecast(session(ResearchConfig(max_dollars=5.0), [])) == (None,) * 5
    unknown = forecast(session(ResearchConfig(max_dollars=5.0), [None, None]))
    assert (unknown.dollars_per_experiment, unknown.experiments_left) == (None, None)
    assert unknown.tokens_per_experiment == 1000


def test_the_tighter_cap_counts() -> None:
    config = ResearchConfig(max_dollars=100.0, max_tokens=4000)
    assert forecast(session(config, [1.0])).experiments_left == 3


@pytest.mark.parametrize(("most", "affords"), [(None, True), (4.0, True), (2.9, False)])
def test_a_speculative_draft_needs_a_margin(most: float | None, affords: bool) -> None:
    assert affords_ahead(session(ResearchConfig(max_dollars=most), [1.0])) is affords


def test_costs_go_to_the_experiment_they_led_to() -> None:
    made = session(ResearchConfig(), [1.0, 0.5])
    assert [e.spending.dollars for e in made.experiments] == [0.0, 1.0, 0.5]
    late = apply(made, ev.CostIncurred(experiment=2, model="m", dollars=0.25))
    assert late.experiment(2).spending.dollars == 1.25
    assert late.spending.dollars == 1.75
    assert late.drafting.calls == 0
    whole = apply(late, ev.CostIncurred(experiment=0, model="m", dollars=1.0))
    assert whole.spending.dollars == 2.75
    assert whole.experiments == late.experiments and whole.drafting.calls == 0
