"""The noise of a metric, estimated from repeats alone, and the trust it allows in a gain."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.core import events as ev
from engine.core.analysis.noise import (
    Estimate,
    Trust,
    estimate_of,
    in_sigmas,
    noise_of,
    trust_in,
    unbiased_value,
    why_unknown,
    worth_of,
)
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Direction, Origin, Outcome, RunPurpose, Verdict
from engine.core.keep_rule.from_session import spread_of
from engine.core.reducer import apply
from engine.core.session import Session
from engine.core.spread import Spread
from tests.core.session_events import run_started


def session_of(*experiments: dict[str, Any], direction: Direction = Direction.MIN) -> Session:
    """Fold experiments given by what matters here: commit, value, verdict, origin, …"""
    session = apply(
        Session(),
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="base",
            config=ResearchConfig(direction=direction),
            results_file="results.tsv",
        ),
    )
    for number, facts in enumerate(experiments, start=1):
        proposal = ev.Proposal(
            patch_id=f"p{number}",
            hypothesis="h",
            added=facts.get("added", 0),
            removed=facts.get("removed", 0),
        )
        events: list[Any] = [
            ev.ProposalDrafted(
                experiment=number,
                base="base",
                proposal=proposal,
                patch="x",
                origin=facts.get("origin", Origin.AGENT),
                forced=facts.get("forced"),
            ),
            ev.CandidateCommitted(
                experiment=number, commit=facts.get("commit", f"c{number}"), ref="r"
            ),
        ]
        values = facts.get("values", (facts["value"],) if "value" in facts else ())
        fresh = facts.get("fresh", ())
        for run, value in enumerate(values, start=1):
            events += measured(number, run, value, RunPurpose.TRIAL, facts.get("doubts", ()))
        if facts.get("verdict", Verdict.DISCARD) is not None:
            events.append(
                ev.VerdictGiven(
                    experiment=number,
                    verdict=facts.get("verdict", Verdict.DISCARD),
                    reason="",
                    gain=facts.get("gain"),
                )
            )
        for run, value in enumerate(fresh, start=len(values) + 1):
            events += measured(number, run, value, RunPurpose.FRESH, ())
        for event in events:
            session = apply(session, event)
    return session


def measured(
    number: int, run: int, value: float, purpose: RunPurpose, doubts: tuple[str, ...]
) -> list[Any]:
    """Return the events of a run that finished with a value."""
    return [
        run_started(number, run, purpose),
        ev.RunEnded(experiment=number, run=run, outcome=Outcome.FINISHED),
        ev.Measured(
            experiment=number,
            run=run,
            measurement=ev.Measurement(metric=value),
            doubts=doubts,
        ),
    ]


def test_the_first_of_several_runs_does_not_count_because_it_was_selected() -> None:
    assert unbiased_value([]) is None
    assert unbiased_value([2.0]) == 2.0
    assert unbiased_value([1.0, 3.0]) == 3.0
    assert unbiased_value([1.0, 3.0, 5.0]) == 4.0


@pytest.mark.parametrize(
    ("gain", "sigma", "sigmas"),
    [(4.0, 2.0, 2.0), (-1.0, 2.0, -0.5), (0.0, 2.0, 0.0), (1.0, 0.0, None), (None, 2.0, None)],
)
def test_a_gain_in_units_of_a_well_known_sigma(
    gain: float | None, sigma: float, sigmas: float | None
) -> None:
    found = in_sigmas(gain, Spread(sigma, degrees=1e8))
    assert found == (None if sigmas is None else pytest.approx(sigmas, rel=1e-3))
    assert in_sigmas(gain, None) is None


def test_a_gain_is_in_units_of_the_upper_bound() -> None:
    assert in_sigmas(4.0, Spread(2.0, degrees=4)) == pytest.approx(2 / 2.372, rel=1e-3)


@pytest.mark.parametrize(
    ("gain", "confirmed", "trust"),
    [
        (1.38, False, Trust.WITHIN),
        (1.40, False, Trust.CLEAR),
        (1.40, True, Trust.CLEAR),
        (0.1, True, Trust.CONFIRMED),
        (0.1, False, Trust.WITHIN),
        (0.0, True, Trust.WITHIN),
        (-0.1, True, Trust.WITHIN),
        (None, True, Trust.UNKNOWN),
    ],
)
def test_trust_needs_more_than_the_error_bar_or_repeats_that_gained(
    gain: float | None, confirmed: bool, trust: Trust
) -> None:
    # 1.96 σ √2, of two single runs with σ = 0.5
    noise = Spread(0.5, degrees=1e8)
    assert trust_in(gain, noise, runs=(1, 1), confirmed=confirmed) is trust
    assert trust_in(gain, None, runs=(1, 1), confirmed=False) is Trust.UNKNOWN


def test_more_runs_make_a_smaller_gain_clear() -> None:
    noise = Spread(0.5, degrees=1e8)
    assert trust_in(0.8, noise, runs=(3, 3), confirmed=False) is Trust.WITHIN
    assert trust_in(0.8, noise, runs=(3, 4), confirmed=False) is Trust.CLEAR
    assert trust_in(0.8, Spread(0.5, degrees=2), runs=(9, 9), confirmed=False) is Trust.WITHIN


def test_only_a_known_and_sufficient_trust_recommends_a_keep() -> None:
    assert {trust for trust in Trust if trust.good} == {
        Trust.CLEAR,
        Trust.CONFIRMED,
        Trust.SIMPLER,
        Trust.PERSON,
    }


def test_sigma_comes_from_runs_that_no_selection_has_touched() -> None:
    baseline = {"commit": "a", "values": (1.0, 3.0, 2.0), "verdict": Verdict.KEEP}
    lucky = {"commit": "b", "values": (-9.0, 2.0, 4.0), "fresh": (3.0,), "verdict": Verdict.KEEP}
    doubted = {"commit": "d", "value": 60.0, "fresh": (9.0,), "doubts": ("clock",)}
    session = session_of(baseline, lucky, {"commit": "c", "value": 7.0}, doubted)
    spread = spread_of(session)
    assert spread is not None
    # The -9 was repeated because it was so good; a crash or a doubted value counts nowhere.
    assert (spread.runs, spread.commits) == (6, 2)
    assert spread.sigma == pytest.approx(math.sqrt((2 + 2) / 4))
    assert noise_of(session) == spread
    assert why_unknown(spread) == ""
    twice = noise_of(session, session)
    assert twice is not None and (twice.runs, twice.commits) == (12, 4)


def test_two_runs_of_one_commit_do_not_make_sigma_known() -> None:
    session = session_of(
        {"commit": "a", "value": 1.0, "verdict": Verdict.KEEP},
        {"commit": "a", "value": 1.001, "origin": Origin.CONFIRM},
    )
    assert noise_of(session) is None
    assert why_unknown(spread_of(session)) == (
        "σ is not known yet from 2 runs of 1 commit; 3 more repeats are needed"
    )
    assert why_unknown(spread_of(session_of({"value": 1.0}))) == "no code was run twice"


def test_experiments_without_a_commit_are_no_repeats_of_each_other() -> None:
    session = session_of({"commit": "", "value": 1.0}, {"commit": "", "value": 5.0})
    assert estimate_of(session, 2) == Estimate(value=5.0, runs=1, selected=True)
    assert spread_of(session) is None


@pytest.mark.parametrize(("direction", "sign"), [(Direction.MIN, 1), (Direction.MAX, -1)])
def test_the_worth_of_a_keep_that_was_run_again_is_that_of_its_fresh_runs(
    direction: Direction, sign: int
) -> None:
    session = session_of(
        {"commit": "a", "values": (10.0, 10.5, 9.5), "verdict": Verdict.KEEP},
        {
            "commit": "b",
            "values": (6.0, 7.0),
            "fresh": (9.0, 8.0, 7.0),
            "verdict": Verdict.KEEP,
            "gain": 3.5,
        },
        direction=direction,
    )
    noise = noise_of(session)
    assert noise is not None
    worth = worth_of(session, 2, 1, noise)
    assert (worth.number, worth.value, worth.runs) == (2, 8.0, 5)
    assert worth.gain == sign * 2.0
    assert worth.error == pytest.approx(noise.half_width(3, 3))
    assert worth.trust is (Trust.CLEAR if sign > 0 else Trust.WITHIN)


def test_a_confirmation_that_the_user_asked_for_counts_as_a_fresh_run() -> None:
    session = session_of(
        {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 4.0},
        {"commit": "b", "value": 8.0, "origin": Origin.CONFIRM},
    )
    worth = worth_of(session, 2, 1, None)
    assert (worth.value, worth.gain) == (8.0, 2.0)
    assert worth.trust is Trust.UNKNOWN


def test_a_single_run_keeps_the_gain_it_was_kept_for() -> None:
    session = session_of(
        {"commit": "", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 4.0},
        {"commit": "c", "verdict": Verdict.KEEP, "gain": 4.0},
    )
    worth = worth_of(session, 2, 1, None)
    assert (worth.value, worth.runs, worth.gain, worth.sigmas) == (6.0, 1, 4.0, None)
    assert worth.trust is Trust.UNKNOWN
    unmeasured = worth_of(session, 3, 1, None)
    assert (unmeasured.gain, unmeasured.value, unmeasured.runs) == (4.0, None, 1)


def test_a_keep_whose_value_is_not_trusted_still_shows_it() -> None:
    session = session_of(
        {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 4.0, "doubts": ("x",)},
    )
    worth = worth_of(session, 2, 1, None)
    assert (worth.value, worth.gain, worth.runs) == (6.0, 4.0, 1)


def test_the_users_own_keep_and_a_simplification_need_no_noise() -> None:
    kept = {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP}
    forced = {"value": 10.0, "verdict": Verdict.KEEP, "gain": -1.0, "forced": Verdict.KEEP}
    assert worth_of(session_of(kept, forced), 2, 1, None).trust is Trust.PERSON
    overruled = apply(
        session_of(kept, {"value": 11.0, "gain": -1.0}),
        ev.Overruled(experiment=2, verdict=Verdict.KEEP, by=Actor.SCREEN, reason=""),
    )
    assert worth_of(overruled, 2, 1, None).trust is Trust.PERSON
    simpler = {"value": 10.0, "verdict": Verdict.KEEP, "gain": 0.0, "removed": 3, "added": 1}
    assert worth_of(session_of(kept, simpler), 2, 1, None).trust is Trust.SIMPLER
    longer = {**simpler, "added": 3}
    assert worth_of(session_of(kept, longer), 2, 1, None).trust is Trust.UNKNOWN
