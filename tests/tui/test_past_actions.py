"""Overrule, confirm and revive experiments that ended; autonomy; how an overruled one is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, Autonomy, ReviewAnswer, Verdict
from engine.protocol.commands import (
    ConfirmExperiment,
    OverruleVerdict,
    ReviveExperiment,
    SetAutonomy,
)
from engine.protocol.messages import Reply
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import RISKY, MemoryFeed, Tried, question, session_of
from tests.tui.test_keys import told
from tui.app import SupervisorApp
from tui.present.overrule import Overruling, overruling

TRIED = [
    Tried(Verdict.KEEP, 0.998, 44, "baseline"),
    Tried(Verdict.KEEP, 0.990, 44, "first keep"),
    Tried(Verdict.DISCARD, 0.995, 44, "a discard"),
    Tried(Verdict.CRASH, 0, 0, "a crash"),
    Tried(Verdict.KEEP, 0.980, 44, "second keep"),
    Tried(Verdict.DISCARD, 0.981, 44, "a late discard"),
]


@pytest.fixture
def feed(tmp_path: Path) -> MemoryFeed:
    return MemoryFeed(session_of(tmp_path, TRIED), tmp_path)


@pytest.mark.parametrize(
    ("number", "verdict", "words"),
    [
        (2, Verdict.DISCARD, "Later keeps stand on it"),
        (3, Verdict.KEEP, "run on top of it as a new experiment"),
        (5, Verdict.DISCARD, "takes its change back by a new commit"),
        (6, Verdict.KEEP, "goes onto the branch"),
    ],
)
def test_what_overruling_does_is_told(
    feed: MemoryFeed, number: int, verdict: Verdict, words: str
) -> None:
    plan = overruling(feed.session, feed.session.experiment(number))
    assert isinstance(plan, Overruling)
    assert plan.verdict is verdict
    assert words in plan.consequence


@pytest.mark.parametrize(
    ("number", "words"), [(1, "baseline"), (4, "never measured"), (7, "has no verdict yet")]
)
def test_what_cannot_be_overruled_says_why(feed: MemoryFeed, number: int, words: str) -> None:
    plan = overruling(feed.session, feed.session.experiment(number))
    assert isinstance(plan, str)
    assert words in plan


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("opened", [False, True])
async def test_k_overrules_with_a_reason(
    app: SupervisorApp, feed: MemoryFeed, size: tuple[int, int], opened: bool
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("home", "down", "down", *(["enter"] if opened else []), "K")
        await until(pilot, lambda: "Keep experiment 3, which was discarded?" in text_of(app))
        assert "! The best has moved on since" in text_of(app)
        await pilot.press("enter")
        assert feed.sent == []
        await pilot.press(*"it is simpler", "enter")
        wanted = OverruleVerdict(experiment=3, verdict=Verdict.KEEP, reason="it is simpler")
        await until(pilot, lambda: feed.sent == [wanted])


@pytest.mark.parametrize("opened", [False, True])
async def test_confirm_and_revive(app: SupervisorApp, feed: MemoryFeed, opened: bool) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("home", "down", "down", *(["enter"] if opened else []), "r", "R")
        wanted = [ConfirmExperiment(experiment=3), ReviveExperiment(experiment=3)]
        await until(pilot, lambda: feed.sent == wanted)


@pytest.mark.parametrize(
    ("row", "key", "words"),
    [
        (4, "K", "never measured"),
        (4, "r", "no measurement to confirm"),
        (1, "R", "baseline has no change"),
        (7, "R", "has no verdict yet"),
        (7, "K", "has no verdict yet"),
    ],
)
async def test_what_cannot_be_done_says_why(
    app: SupervisorApp, feed: MemoryFeed, row: int, key: str, words: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("home", *(["down"] * (row - 1)), key)
        assert words in told(app)
        assert feed.sent == []


async def test_autonomy_goes_round_and_the_status_line_has_it(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    feed.answer = Reply(id=0, ok=True, message="ask-all: every edit waits for you.")
    async with app.run_test(size=(160, 45)) as pilot:
        assert "ask-risky" in text_of(app).split("\n")[0]
        await pilot.press("A")
        await until(pilot, lambda: feed.sent == [SetAutonomy(autonomy=Autonomy.ASK_ALL)])
        await until(pilot, lambda: "every edit waits for you" in told(app))
        feed.happen(ev.AutonomySet(autonomy=Autonomy.ASK_ALL, by=Actor.SCREEN))
        await until(pilot, lambda: "ask-all" in text_of(app).split("\n")[0])


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_verdict_of_the_persons_is_marked(
    app: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        before = text_of(app).split("\n")[0]
        feed.happen(
            ev.Overruled(
                experiment=3, verdict=Verdict.KEEP, by=Actor.SCREEN, reason=f"mine {ATTACK}"
            )
        )
        await until(pilot, lambda: "✓ keep by you" in text_of(app))
        if size[0] > 80:
            assert "keep 3/6" in before
            assert "keep 4/6" in text_of(app).split("\n")[0]
        await pilot.press("f")
        assert "a discard" in text_of(app)  # among those kept now
        await pilot.press("f", "f", "f", "home", "down", "down", "enter")
        await until(pilot, lambda: "#3 ✓ keep by you" in text_of(app))
        assert "your own verdict; the keep rule's was discard: mine" in text_of(app)
        await pilot.press("5")
        await until(pilot, lambda: "overruled: keep from the screen: mine" in text_of(app))
        assert "· discard: not better than the best" in text_of(app)
        assert all(c == "\n" or c.isprintable() for c in text_of(app))


async def test_findings_and_decisions_are_in_the_history(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    feed.happen(*question(findings=RISKY))
    queued = feed.session.queue[0]
    async with app.run_test(size=(120, 40)) as pilot:
        feed.happen(
            ev.ReviewDecided(
                queued=1,
                patch_id=queued.proposal.patch_id,
                decision=ReviewAnswer.APPROVE,
                by=Actor.COMMAND_LINE,
            ),
        )
        await until(pilot, lambda: app.view.session.queue[0].approved)
        feed.happen(
            ev.VerdictGiven(experiment=7, verdict=Verdict.CRASH, reason="x"),
            ev.ProposalDrafted(
                experiment=8,
                base=queued.base,
                proposal=queued.proposal,
                patch=queued.patch,
                queued=1,
                findings=queued.findings,
            ),
        )
        await until(pilot, lambda: "risk: block (3)" in text_of(app))
        await pilot.press("end", "enter", "5")
        await until(pilot, lambda: "Risk: block (3)" in text_of(app))
        shown = text_of(app)
        assert "✗ block  It changes what prints the metric." in shown
        assert "asked by the autonomy: every edit is asked about" in shown
        assert "approved from the command line" in shown
