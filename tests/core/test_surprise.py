"""Results that are too good to be kept unasked: a 0, another sign, no time used, a huge gain."""

from __future__ import annotations

import pytest

from engine.core import events as ev
from engine.core.config import GREEDY, ResearchConfig
from engine.core.enums import Actor, Direction, Verdict
from engine.core.events import Measurement
from engine.core.needs import NeedKind, needs_of
from engine.core.reducer import fold
from engine.core.session import Session
from engine.core.surprise import find_surprises
from tests.core.judging import decide_once

MIN, MAX = Direction.MIN, Direction.MAX


@pytest.mark.parametrize(
    ("direction", "value", "incumbent", "kept_gains", "reason"),
    [
        (MIN, 0.0, 1.1, [0.01], "exactly 0"),
        (MAX, 0.0, -3.0, [1.0], "exactly 0"),
        (MIN, -0.5, 1.1, [0.5], "sign"),
        (MIN, 0.5, 1.1, [0.01], "60 times"),
        (MIN, 0.25, 1.1, [], "nothing else was kept"),
        (MAX, 0.9, 0.4, [], "nothing else was kept"),
        (MAX, 1.0, 0.6, [0.01], "40 times"),
    ],
)
def test_a_result_too_good_to_be_true_is_for_the_user(
    direction: Direction, value: float, incumbent: float, kept_gains: list[float], reason: str
) -> None:
    found = find_surprises(direction, value, incumbent, kept_gains=kept_gains)
    assert any(reason in sentence for sentence in found)


@pytest.mark.parametrize(
    ("direction", "value", "incumbent", "kept_gains"),
    [
        (MIN, 1.1, None, []),  # the baseline
        (MIN, 1.2, 1.1, []),  # worse
        (MIN, 1.0, 1.1, []),  # a good first gain
        (MIN, 0.6, 1.1, [0.3]),  # one like those before
        (MIN, 1.05, 1.1, [0.0001]),  # many times the largest one, and still a small share
        (MAX, 1.0, 0.97, [0.01]),  # an accuracy may be 1.0
        (MAX, 0.3, 0.0, [0.1]),
        (MIN, -1.2, -1.1, [0.05]),  # a negative metric
    ],
)
def test_a_usual_gain_is_not_asked_about(
    direction: Direction, value: float, incumbent: float | None, kept_gains: list[float]
) -> None:
    found = find_surprises(direction, value, incumbent, kept_gains=kept_gains)
    assert (
        found == ()
        if incumbent != 0
        else not any("sign" in sentence or "exactly" in sentence for sentence in found)
    )


@pytest.mark.parametrize(
    ("seconds", "baseline_seconds", "budget", "held"),
    [
        (0.03, 301.0, 300.0, True),
        (149.0, 301.0, 300.0, True),
        (151.0, 301.0, 300.0, False),
        (20.0, 25.0, 300.0, False),  # the baseline does not use its budget either
        (0.03, 301.0, None, False),
    ],
)
def test_less_than_half_of_the_budget_is_surprising_where_the_baseline_used_it(
    seconds: float, baseline_seconds: float, budget: float | None, held: bool
) -> None:
    found = find_surprises(
        MIN,
        1.05,
        1.1,
        budget_seconds=budget,
        seconds=seconds,
        baseline_seconds=baseline_seconds,
    )
    assert bool(found) is held


def test_a_surprising_result_is_neither_kept_nor_lost() -> None:
    config = ResearchConfig(rule=GREEDY)
    decision = decide_once(config, Measurement(metric=0.0), 1.1, surprises=("it is 0",), runs=3)
    assert decision.verdict is Verdict.DISCARD
    assert decision.reason == "held for you: it is 0"
    assert decision.gain == 1.1
    worse = decide_once(
        ResearchConfig(rule=GREEDY), Measurement(metric=2.0), 1.1, surprises=("it is 0",)
    )
    assert worse.reason.startswith("worse")


def held_session(*more: ev.AnyEvent) -> Session:
    """Return a session whose experiment 1 has a surprising result."""
    proposal = ev.Proposal(patch_id="p", hypothesis="h")
    events: list[ev.AnyEvent] = [
        ev.ProposalDrafted(experiment=1, base="b", proposal=proposal, patch=""),
        ev.Measured(
            experiment=1, run=1, measurement=Measurement(metric=0.0), surprises=("it is 0",)
        ),
        ev.VerdictGiven(experiment=1, verdict=Verdict.DISCARD, reason="held for you"),
    ]
    return fold([*events, *more])


def test_the_question_stays_open_until_the_user_answers() -> None:
    session = held_session()
    assert [e.number for e in session.held] == [1]
    (need,) = needs_of(session)
    assert need.kind is NeedKind.APPROVAL
    assert need.text == "keep #1? val_bpb 0.000000: it is 0"
    assert session.experiment(1).doubted


@pytest.mark.parametrize("verdict", [Verdict.KEEP, Verdict.DISCARD])
def test_either_answer_of_the_user_closes_the_question(verdict: Verdict) -> None:
    answer = ev.Overruled(experiment=1, verdict=verdict, by=Actor.SCREEN, reason="I looked")
    session = held_session(answer)
    assert session.held == ()
    assert needs_of(session) == ()
    kept = verdict is Verdict.KEEP
    assert session.pending_overrules == ((1,) if kept else ())
    assert session.experiment(1).doubted is not kept
    assert session.counts.total == 1


def test_a_value_far_below_what_its_training_loss_predicts_is_for_the_user() -> None:
    def found(value: float, loss: float | None, direction: Direction = MIN) -> tuple[str, ...]:
        return find_surprises(
            direction, value, 1.0, kept_gains=[0.3], loss=loss, incumbent_loss=3.0
        )

    assert "predicts about 1 by the incumbent's ratio" in found(0.55, 3.0)[0]
    assert found(0.55, 1.7) == ()  # the training loss fell as much
    assert found(0.95, 2.9) == ()
    assert found(0.55, None) == () and found(0.55, 0.0) == ()
    assert found(1.55, 3.0, MAX) == ()  # an accuracy is not a multiple of the loss


def test_a_surprising_result_is_run_twice_more_before_it_is_held() -> None:
    config, measured = ResearchConfig(rule=GREEDY), Measurement(metric=0.1)
    for runs in (1, 2):
        decision = decide_once(config, measured, 1.0, surprises=("too good",), runs=runs)
        assert decision.verdict is None and not decision.run_incumbent
    held = decide_once(config, measured, 1.0, surprises=("too good",), runs=3)
    assert held.verdict is Verdict.DISCARD and held.reason == "held for you: too good"
