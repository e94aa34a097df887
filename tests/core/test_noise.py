"""The noise of a metric, estimated from repeats alone, and the trust it allows in a gain."""

from __future__ import annotations

import math
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.analysis.noise import (
    CLEAR_SIGMAS,
    Noise,
    Trust,
    in_sigmas,
    noise_of,
    pooled_noise,
    trust_in,
    unbiased_value,
    values_of,
    worth_of,
)
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Direction, Origin, Verdict
from engine.core.reducer import apply
from engine.core.session import Session

halves = st.integers(-40, 40).map(lambda n: n / 2)


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
        if "value" in facts:
            events.append(
                ev.Measured(
                    experiment=number,
                    run=1,
                    measurement=ev.Measurement(metric=facts["value"]),
                    doubts=facts.get("doubts", ()),
                )
            )
        if facts.get("verdict", Verdict.DISCARD) is not None:
            events.append(
                ev.VerdictGiven(
                    experiment=number,
                    verdict=facts.get("verdict", Verdict.DISCARD),
                    reason="",
                    gain=facts.get("gain"),
                )
            )
        for event in events:
            session = apply(session, event)
    return session


@given(st.lists(halves, min_size=2, max_size=6))
def test_the_noise_of_one_repeated_commit_is_its_standard_deviation(values: list[float]) -> None:
    noise = pooled_noise([values, [3.0], []])
    assert noise is not None
    assert noise.sigma == pytest.approx(stdev(values))
    assert (noise.runs, noise.commits) == (len(values), 1)


def test_the_noise_of_several_commits_is_pooled_over_their_degrees_of_freedom() -> None:
    noise = pooled_noise([[1.0, 3.0], [10.0, 10.0, 13.0]])
    assert noise is not None
    # Squares: 2 and 6; five runs of two commits leave three degrees of freedom.
    assert noise.sigma == pytest.approx(math.sqrt(8 / 3))
    assert (noise.runs, noise.commits) == (5, 2)


@given(st.lists(st.lists(halves, max_size=1), max_size=4))
def test_without_a_repeat_the_noise_is_unknown(groups: list[list[float]]) -> None:
    assert pooled_noise(groups) is None


def test_noise_beyond_all_numbers_is_unknown() -> None:
    assert pooled_noise([[1e308, -1e308]]) is None


def test_the_first_of_several_runs_does_not_count_because_it_was_selected() -> None:
    assert unbiased_value([]) is None
    assert unbiased_value([2.0]) == 2.0
    assert unbiased_value([1.0, 3.0]) == 3.0
    assert unbiased_value([1.0, 3.0, 5.0]) == 4.0


@pytest.mark.parametrize(
    ("gain", "sigma", "sigmas"),
    [(4.0, 2.0, 2.0), (-1.0, 2.0, -0.5), (0.0, 2.0, 0.0), (1.0, 0.0, None), (None, 2.0, None)],
)
def test_a_gain_in_sigmas(gain: float | None, sigma: float, sigmas: float | None) -> None:
    assert in_sigmas(gain, Noise(sigma=sigma, runs=2, commits=1)) == sigmas
    assert in_sigmas(gain, None) is None


@pytest.mark.parametrize(
    ("gain", "repeated", "trust"),
    [
        (CLEAR_SIGMAS * 0.5, False, Trust.WITHIN),
        (CLEAR_SIGMAS * 0.5 + 0.01, False, Trust.CLEAR),
        (CLEAR_SIGMAS * 0.5 + 0.01, True, Trust.CLEAR),
        (0.1, True, Trust.CONFIRMED),
        (0.1, False, Trust.WITHIN),
        (0.0, True, Trust.WITHIN),
        (-0.1, True, Trust.WITHIN),
        (None, True, Trust.UNKNOWN),
    ],
)
def test_trust_needs_two_sigmas_or_a_repeat_that_gained(
    gain: float | None, repeated: bool, trust: Trust
) -> None:
    assert trust_in(gain, Noise(sigma=0.5, runs=2, commits=1), repeated=repeated) is trust
    assert trust_in(gain, None, repeated=repeated) is Trust.UNKNOWN


def test_only_a_known_and_sufficient_trust_recommends_a_keep() -> None:
    assert {trust for trust in Trust if trust.good} == {
        Trust.CLEAR,
        Trust.CONFIRMED,
        Trust.SIMPLER,
        Trust.PERSON,
    }


def test_repeats_are_found_by_their_commit_and_what_cannot_be_trusted_is_left_out() -> None:
    session = session_of(
        {"commit": "a", "value": 1.0, "verdict": Verdict.KEEP},
        {"commit": "a", "value": 3.0},
        {"commit": "a", "value": 50.0, "verdict": Verdict.CRASH},
        {"commit": "a", "value": 60.0, "doubts": ("clock",)},
        {"commit": "a", "value": 70.0, "verdict": None},
        {"commit": "b", "value": 9.0},
        {"commit": "a"},
    )
    assert values_of(session, 1) == values_of(session, 2) == (1.0, 3.0)
    assert values_of(session, 6) == (9.0,)
    noise = noise_of(session)
    assert noise is not None
    assert noise.sigma == pytest.approx(math.sqrt(2))
    assert (noise.runs, noise.commits) == (2, 1)
    twice = noise_of(session, session)
    assert twice is not None and (twice.runs, twice.commits) == (4, 2)
    assert noise_of(session_of({"value": 1.0})) is None


def test_experiments_without_a_commit_are_no_repeats_of_each_other() -> None:
    session = session_of({"commit": "", "value": 1.0}, {"commit": "", "value": 5.0})
    assert values_of(session, 1) == (1.0,)
    assert values_of(session, 2) == (5.0,)
    assert noise_of(session) is None


@pytest.mark.parametrize(("direction", "sign"), [(Direction.MIN, 1), (Direction.MAX, -1)])
def test_the_worth_of_a_keep_that_was_repeated_is_that_of_its_repeats(
    direction: Direction, sign: int
) -> None:
    session = session_of(
        {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 4.0},
        {"commit": "b", "value": 8.0},
        direction=direction,
    )
    noise = noise_of(session)
    worth = worth_of(session, 2, 1, noise)
    assert (worth.number, worth.value, worth.runs) == (2, 8.0, 2)
    assert worth.gain == sign * 2.0
    assert worth.sigmas == pytest.approx(sign * math.sqrt(2))
    assert worth.trust is (Trust.CONFIRMED if sign > 0 else Trust.WITHIN)


def test_a_single_run_keeps_the_gain_it_was_kept_for() -> None:
    session = session_of(
        {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 3.5},
    )
    worth = worth_of(session, 2, 1, None)
    assert (worth.value, worth.runs, worth.gain, worth.sigmas) == (6.0, 1, 3.5, None)
    assert worth.trust is Trust.UNKNOWN


def test_a_gain_over_a_repeated_incumbent_is_counted_from_its_repeats() -> None:
    session = session_of(
        {"commit": "a", "value": 10.0, "verdict": Verdict.KEEP},
        {"commit": "a", "value": 12.0},
        {"commit": "b", "value": 6.0, "verdict": Verdict.KEEP, "gain": 4.0},
        {"commit": "c", "verdict": Verdict.KEEP, "gain": 4.0},
    )
    assert worth_of(session, 3, 1, None).gain == 6.0
    # A keep without a value of its own has no gain that a repeat could correct.
    unmeasured = worth_of(session, 4, 1, None)
    assert (unmeasured.gain, unmeasured.value, unmeasured.runs) == (None, None, 1)


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
