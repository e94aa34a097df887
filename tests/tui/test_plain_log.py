"""The lines of the plain log, one table of events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind
from engine.core.session import Session
from tests.tui.synthetic import made_up, session_of
from tui.present.events import event_text
from tui.present.plain_log import log_lines

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HOSTILE = "a \x1b]0;title\x07b\u202e\nc"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return session_of(tmp_path, made_up(3))


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (ev.RunAdopted(experiment=3, run=2), ["#3: run 2 was found alive and taken over"]),
        (
            ev.Paused(by=Actor.ENGINE, reason="the disk is full", todo="free some"),
            ["Paused: the disk is full", "  free some"],
        ),
        (
            ev.Paused(by=Actor.PERSON, reason="paused from the screen"),
            ["Paused, person (why: paused from the screen)"],
        ),
        (
            ev.AgentWaited(reason="rate limit", until=AT),
            ["The agent is not asked before 03:00:00 UTC: rate limit"],
        ),
        (ev.ProposalDropped(queued=7, reason="stale"), ["Proposal 7 dropped: stale"]),
        (
            ev.AlarmRaised(kind=AlarmKind.DISK, message=HOSTILE),
            ["Attention (disk): a b c"],
        ),
        (ev.SessionEnded(reason="done"), ["The session ended: done"]),
        (ev.Resumed(by=Actor.SCREEN), ["Resumed, screen"]),
        (
            ev.KillRequested(by=Actor.COMMAND_LINE, experiment=3, run=1, reason=HOSTILE),
            ["Vetoed while it ran #3, command line (why: a b c)"],
        ),
        (
            ev.ProgramEdited(key="k", experiment=4, diff="-a\n+b"),
            ["Changed program.md from #4 on, file"],
        ),
        (ev.ProgramEdited(key="k", experiment=1), []),
        (ev.RunProgressed(experiment=3, run=1, share=0.5, loss=1.0), []),
        (ev.EngineStopped(reason="x"), []),
    ],
)
def test_an_event_in_the_plain_log(session: Session, event: ev.AnyEvent, lines: list[str]) -> None:
    assert log_lines(event, session) == lines


def test_the_start_of_a_session_comes_with_its_notes(session: Session) -> None:
    start = ev.SessionStarted(
        version="1",
        workspace="/w",
        branch="autoresearch/t",
        base_commit="0123456789",
        config=replace(session.config, tag="t"),
        results_file="results.tsv",
        notes=(HOSTILE,),
    )
    assert log_lines(start, session) == [
        "Session t on autoresearch/t, from 0123456",
        "Note: a b c",
    ]


def test_a_verdict_is_the_line_of_its_experiment(session: Session) -> None:
    experiment = session.experiment(2)
    assert experiment.verdict is not None
    verdict = ev.VerdictGiven(experiment=2, verdict=experiment.verdict, reason="")
    (line,) = log_lines(verdict, session, width=80)
    assert line.startswith("#2 ") and experiment.verdict in line and len(line) <= 80


def test_who_decided_can_be_left_out() -> None:
    pinned = event_text(ev.HypothesisPinned(pin=3, text="try GQA", by=Actor.SCREEN))
    assert pinned.line() == "pinned pin 3, screen: try GQA"
    assert pinned.line("→ #5", with_by=False) == "pinned pin 3 → #5: try GQA"
