"""The fold: one way in, old versions stay valid, a snapshot is the session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Outcome, SessionState, StopMode, Verdict
from engine.core.reducer import apply, fold
from engine.core.session import Session
from engine.core.vector import Vector
from engine.protocol.snapshot import decode_session, encode_session

START = datetime(2026, 11, 21, tzinfo=UTC)


def number(events: list[Any]) -> list[ev.AnyEvent]:
    """Give events the numbers and times a journal would."""
    from msgspec.structs import replace

    return [
        replace(e, seq=i, at=START + timedelta(seconds=i)) for i, e in enumerate(events, start=1)
    ]


def began() -> list[Any]:
    return [
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="autoresearch/t",
            base_commit="base",
            config=ResearchConfig(tag="t"),
            results_file="results.tsv",
        ),
        ev.EngineStarted(pid=1, version="1"),
    ]


def experiment(n: int, metric: float | None, verdict: Verdict, frontier: str) -> list[Any]:
    """All events of one experiment; a metric of None crashes."""
    done: list[Any] = [
        ev.ProposalDrafted(
            experiment=n,
            base=frontier,
            proposal=ev.Proposal(patch_id=f"p{n}", hypothesis=f"idea {n}"),
            patch=f"patch {n}",
        ),
        ev.CandidateCommitted(experiment=n, commit=f"c{n}", ref=f"refs/autoresearch/t/{n}"),
        ev.RunStarted(
            experiment=n, run=1, slot=0, command="x", directory=f"e/{n}", deadline_seconds=9
        ),
        ev.RunProgressed(experiment=n, run=1, share=0.5, loss=3.0),
    ]
    if metric is None:
        done.append(ev.RunEnded(experiment=n, run=1, outcome=Outcome.CODE_CRASH))
    else:
        done += [
            ev.RunEnded(experiment=n, run=1, outcome=Outcome.FINISHED),
            ev.Measured(experiment=n, run=1, measurement=ev.Measurement(metric=metric)),
        ]
    done += [
        ev.VerdictGiven(experiment=n, verdict=verdict, reason=""),
        ev.RowWritten(experiment=n, file="results.tsv"),
    ]
    if verdict is Verdict.KEEP:
        done.append(ev.FrontierAdvanced(experiment=n, commit=f"c{n}"))
    return done


plans = st.lists(st.sampled_from(["keep", "discard", "crash"]), max_size=8)


def journal_of(plan: list[str]) -> list[ev.AnyEvent]:
    events, frontier, metric = began(), "base", 10.0
    events += experiment(1, metric, Verdict.KEEP, frontier)
    frontier = "c1"
    for n, what in enumerate(plan, start=2):
        if what == "keep":
            metric -= 1
            events += experiment(n, metric, Verdict.KEEP, frontier)
            frontier = f"c{n}"
        else:
            value = None if what == "crash" else metric + 1
            events += experiment(n, value, Verdict(what), frontier)
    return number(events)


@given(plans, st.data())
def test_a_replayed_prefix_is_the_live_state_of_that_moment(plan: list[str], data: Any) -> None:
    events = journal_of(plan)
    cut = data.draw(st.integers(0, len(events)))
    live, states = Session(), [Session()]
    for event in events:
        live = apply(live, event)
        states.append(live)
    assert fold(events[:cut]) == states[cut]
    assert fold(events[cut:], states[cut]) == live


@given(plans)
def test_a_snapshot_is_the_session(plan: list[str]) -> None:
    session = fold(journal_of(plan))
    assert decode_session(encode_session(session)) == session


@given(plans)
def test_counts_best_and_frontier(plan: list[str]) -> None:
    session = fold(journal_of(plan))
    kept = plan.count("keep")
    assert (session.counts.keep, session.counts.discard, session.counts.crash) == (
        kept + 1,
        plan.count("discard"),
        plan.count("crash"),
    )
    assert session.best_metric == 10.0 - kept
    assert session.total_gain == kept
    assert session.best is not None
    assert session.frontier == session.best.commit
    assert session.seq == len(journal_of(plan))


def test_states_of_a_life() -> None:
    events = number(began() + experiment(1, 1.0, Verdict.KEEP, "base"))
    states = [fold(events[:i]).state for i in range(2, len(events) + 1)]
    assert states == [
        SessionState.STARTING,
        SessionState.STARTING,
        SessionState.STARTING,
        SessionState.RUNNING,
        SessionState.RUNNING,
        SessionState.STARTING,
        SessionState.DECIDING,
        SessionState.PROPOSING,
        SessionState.PROPOSING,
        SessionState.PROPOSING,
    ]
    session = fold(events)
    assert apply(session, ev.Paused(by=Actor.PERSON, reason="x")).state is SessionState.PAUSED
    ended = apply(session, ev.SessionEnded(reason="done"))
    assert ended.state is SessionState.ENDED
    assert apply(ended, ev.EngineStarted(pid=2, version="1")).state is SessionState.PROPOSING


def test_a_new_engine_forgets_the_wish_to_stop_but_not_a_pause() -> None:
    session = fold(number(began()))
    session = apply(session, ev.StopRequested(by=Actor.SCREEN, mode=StopMode.AFTER_RUN))
    session = apply(session, ev.Paused(by=Actor.PERSON, reason="lunch"))
    session = apply(session, ev.EngineStarted(pid=2, version="1"))
    assert session.stop is None
    assert session.pause is not None


@given(st.lists(st.integers(), max_size=400), st.data())
def test_vector_behaves_like_a_tuple(items: list[int], data: Any) -> None:
    vector: Vector[int] = Vector()
    for item in items:
        vector = vector.append(item)
    assert tuple(vector) == tuple(items)
    assert Vector(items) == vector
    assert list(reversed(vector)) == items[::-1]
    assert vector[-3:] == tuple(items[-3:])
    if items:
        index = data.draw(st.integers(0, len(items) - 1))
        changed = vector.replace(index, -1)
        assert vector[index] == items[index]
        assert changed[index] == -1
        assert len(changed) == len(vector)


@pytest.mark.parametrize(("done", "limit"), [(1, 11), (4, 14), (9, 19), (10, 20), (25, 50)])
def test_the_suggested_limit_doubles_what_was_done_and_adds_at_least_ten(
    done: int, limit: int
) -> None:
    session = fold(journal_of(["discard"] * (done - 1)))
    assert session.counts.total == done
    assert session.suggested_limit == limit
