"""What needs the user's attention: which events create a need, and how long it lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, AlarmKind, Verdict
from engine.core.needs import Need, NeedKind, current_alarm, need_in, needs_of
from engine.core.reducer import fold
from engine.core.session import Session

START = datetime(2026, 11, 21, tzinfo=UTC)
BEGAN = ev.SessionStarted(
    version="1",
    workspace="/w",
    branch="autoresearch/t",
    base_commit="base",
    config=ResearchConfig(tag="t", metric="val_bpb"),
    results_file="results.tsv",
)
PLATEAU = ev.AlarmRaised(kind=AlarmKind.PLATEAU, message="nothing kept for 12 experiments")


def numbered(*events: Any) -> list[ev.AnyEvent]:
    """Give events the numbers and times that a journal gives, one second apart."""
    return [
        replace(event, seq=i, at=START + timedelta(seconds=i))
        for i, event in enumerate((BEGAN, *events), start=1)
    ]


def after(*events: Any) -> tuple[Session, ev.AnyEvent]:
    """Return a session with events applied, and the last of them."""
    journal = numbered(*events)
    return fold(journal), journal[-1]


def asked(number: int, hypothesis: str) -> list[ev.AnyEvent]:
    proposal = ev.Proposal(patch_id=f"q{number}", hypothesis=hypothesis)
    return [
        ev.ProposalQueued(queued=number, base="base", proposal=proposal, patch="", after=0),
        ev.ReviewRequested(queued=number, patch_id=f"q{number}", why="a new import", until=START),
    ]


def parked(number: int, hypothesis: str) -> list[ev.AnyEvent]:
    return [*asked(number, hypothesis), ev.ProposalParked(queued=number, reason="no answer")]


def kept(number: int, value: float, hypothesis: str) -> list[ev.AnyEvent]:
    proposal = ev.Proposal(
        patch_id=f"p{number}", hypothesis=hypothesis, category="" if number > 1 else "baseline"
    )
    commit = f"c{number}"
    return [
        ev.ProposalDrafted(experiment=number, base="base", proposal=proposal, patch=""),
        ev.CandidateCommitted(experiment=number, commit=commit, ref=""),
        ev.Measured(experiment=number, run=1, measurement=ev.Measurement(metric=value)),
        ev.VerdictGiven(experiment=number, verdict=Verdict.KEEP, reason=""),
        ev.RowWritten(experiment=number, file="results.tsv"),
        ev.FrontierAdvanced(experiment=number, commit=commit),
    ]


CASES: dict[str, tuple[list[Any], NeedKind, str]] = {
    "asked": (asked(1, "wider"), NeedKind.APPROVAL, "approve? wider"),
    "parked": (parked(1, "wider"), NeedKind.PARKED, "parked: wider"),
    "program": (
        [ev.ProgramQuestioned(digest="d", experiment=3, diff="+x")],
        NeedKind.PROGRAM,
        "use the new program.md? It was changed on the disk while #3 ran",
    ),
    "paused": (
        [ev.Paused(by=Actor.ENGINE, reason="The disk is full.", todo="Free some space.")],
        NeedKind.PAUSED,
        "paused: The disk is full. Free some space.",
    ),
    "plateau": ([PLATEAU], NeedKind.PLATEAU, PLATEAU.message),
    "ended": (
        [ev.SessionEnded(reason="200 experiments")],
        NeedKind.ENDED,
        "the session has ended: 200 experiments",
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_an_event_creates_its_need_and_the_session_has_it(case: str) -> None:
    events, kind, text = CASES[case]
    session, last = after(*events)
    need = need_in(last, session)
    assert need is not None and (need.kind, need.text) == (kind, text)
    assert needs_of(session) == (need,)


@pytest.mark.parametrize("number", [2, 3])
def test_the_need_is_that_of_the_proposal_the_event_names(number: int) -> None:
    questions = [*parked(1, "one"), *asked(2, "two"), *asked(3, "three")]
    session, _ = after(*questions)
    (request,) = [e for e in questions if isinstance(e, ev.ReviewRequested) and e.queued == number]
    need = need_in(request, session)
    assert need is not None and need.text == f"approve? {'two' if number == 2 else 'three'}"


def test_the_most_urgent_need_comes_first_and_each_has_its_own_key() -> None:
    pause = ev.Paused(by=Actor.ENGINE, reason="no space")
    session, _ = after(
        *parked(1, "one"),
        *parked(2, "two"),
        *asked(3, "three"),
        *asked(4, "four"),
        PLATEAU,
        pause,
        ev.SessionEnded(reason="the end"),
    )
    needs = needs_of(session)
    assert [need.kind for need in needs] == [
        *(NeedKind.APPROVAL, NeedKind.APPROVAL, NeedKind.PARKED, NeedKind.PARKED),
        *(NeedKind.PAUSED, NeedKind.PLATEAU, NeedKind.ENDED),
    ]
    assert len({need.key for need in needs}) == len(needs)


def test_two_pauses_and_two_plateaus_are_two_needs_each() -> None:
    pause = ev.Paused(by=Actor.ENGINE, reason="no space")
    for event in (pause, PLATEAU):
        first, _ = after(event)
        second, _ = after(ev.EngineStarted(pid=1, version="1"), event)
        keys = [need.key for session in (first, second) for need in needs_of(session)]
        assert len(keys) == 2 and keys[0] != keys[1]


def test_a_pause_by_the_user_creates_none() -> None:
    session, last = after(ev.Paused(by=Actor.SCREEN, reason="asked for"))
    assert needs_of(session) == ()
    assert need_in(last, session) is None


def test_an_alarm_lasts_until_an_experiment_ends() -> None:
    other = ev.AlarmRaised(kind=AlarmKind.PLATEAU, message="the newer one")
    first = kept(1, 1.0, "baseline")
    assert current_alarm(after()[0]) is None
    assert current_alarm(after(*first)[0]) is None
    raised, _ = after(*first, PLATEAU, other)
    alarm = current_alarm(raised)
    assert alarm is not None and alarm.message == "the newer one"
    begun, _ = after(*first, PLATEAU, *kept(2, 0.9, "wider")[:1])
    assert current_alarm(begun) is not None
    ended, _ = after(*first, PLATEAU, *kept(2, 0.9, "wider"))
    assert current_alarm(ended) is None
    assert needs_of(ended) == ()


def test_a_new_best_is_reported_unless_it_is_the_baseline() -> None:
    session, last = after(*kept(1, 1.0, "baseline"))
    assert need_in(last, session) is None
    session, last = after(*kept(1, 1.0, "baseline"), *kept(2, 0.9, "wider"))
    text = "new best: val_bpb 0.900000 by #2: wider"
    assert need_in(last, session) == Need(NeedKind.BEST, "best 2", text)
