"""The approval card: what it shows, whom it hears, and that it never says yes by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, Origin, ReviewAnswer
from engine.protocol.commands import ApproveProposal, KillRun, VetoProposal
from engine.protocol.messages import Reply
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import RISKY, MemoryFeed, attempt, made_up, question
from tests.tui.test_keys import Clock, told
from tui.app import SupervisorApp
from tui.screens.ask_text import AskText
from tui.screens.main_screen import MainScreen
from tui.screens.review import ReviewCard

SIZES = [(80, 24), (120, 40)]
PATCH_ID = "c0ffee000001"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked(feed: MemoryFeed, clock: Clock) -> SupervisorApp:
    """A session that asks about a risky edit, 62 s later."""
    now = feed.session.at
    feed.happen(*question(findings=RISKY, why=RISKY[0].message, at=now))
    return SupervisorApp(feed, feed.session, now=lambda: now + timedelta(seconds=62), clock=clock)


def card(app: SupervisorApp) -> bool:
    return isinstance(app.screen, ReviewCard)


def edited(feed: MemoryFeed) -> ev.ProposalEdited:
    queued = feed.session.queue[0]
    return ev.ProposalEdited(
        queued=1,
        by=Actor.COMMAND_LINE,
        base="0" * 40,
        proposal=ev.Proposal(patch_id="beef02", hypothesis=queued.proposal.hypothesis),
        patch=queued.patch,
    )


@pytest.mark.parametrize("size", SIZES)
async def test_it_shows_all_that_matters(
    asked: SupervisorApp, feed: MemoryFeed, clock: Clock, size: tuple[int, int]
) -> None:
    async with asked.run_test(size=size) as pilot:
        assert "● needs you: 1 (a)" in text_of(asked)
        assert "a decide" in text_of(asked)
        assert not card(asked)
        await pilot.press("a")
        await until(pilot, lambda: "parked in 08:58" in text_of(asked))
        shown = text_of(asked)
        for words in (
            "A cosine schedule instead of the linear one",
            "val_bpb falls by about 0.002",
            "llm's own idea",
            "block (3)",
            "✗ block  It changes what prints the metric. (lines 417–418, 430,",
            "? ask    It imports socket",
            "· note   It changes many lines at once.",
            "[ esc decide later ]",
            "WARMDOWN_RATIO = 0.7",
        ):
            assert words in shown, words
        if size[0] > 80:
            assert "RUNNING #21" in shown  # over the screen, not instead of it
        clock.seconds += 1
        await pilot.press("escape")
        assert isinstance(asked.screen, MainScreen)
        assert feed.sent == []


async def test_only_a_approves(asked: SupervisorApp, feed: MemoryFeed, clock: Clock) -> None:
    feed.answer = Reply(id=0, ok=True, message="Approved; it runs next.")
    async with asked.run_test(size=(120, 40)) as pilot:
        for key in ("enter", "escape", "q"):
            await pilot.press("a")
            await until(pilot, lambda: card(asked))
            clock.seconds += 1
            await pilot.press("y", "space", "down", "pagedown", "home", "tab", key)
            await until(pilot, lambda: not card(asked))
        assert feed.sent == []
        await pilot.press("a")
        await until(pilot, lambda: card(asked))
        clock.seconds += 1
        await pilot.press("a")
        await until(pilot, lambda: feed.sent == [ApproveProposal(patch_id=PATCH_ID)])
        await until(pilot, lambda: "Approved; it runs next." in told(asked))


async def test_it_is_deaf_at_first(asked: SupervisorApp, feed: MemoryFeed, clock: Clock) -> None:
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: card(asked))
        clock.seconds += 0.29
        await pilot.press("v", "e", "enter", "escape")
        assert card(asked)
        clock.seconds += 0.02
        await pilot.press("escape")
        await until(pilot, lambda: not card(asked))
        assert feed.sent == []


async def test_a_key_held_down_approves_nothing_unseen(
    asked: SupervisorApp, feed: MemoryFeed, clock: Clock
) -> None:
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: card(asked))
        clock.seconds += 0.5
        for _ in range(40):  # longer than any moment of deafness, without letting go
            await pilot.press("a")
            clock.seconds += 0.04
        assert card(asked)
        assert "Look first" in text_of(asked)
        assert feed.sent == []
        clock.seconds += 0.3
        await pilot.press("a")
        await until(pilot, lambda: feed.sent == [ApproveProposal(patch_id=PATCH_ID)])


@pytest.mark.parametrize("size", SIZES)
async def test_a_veto_needs_a_reason(
    asked: SupervisorApp, feed: MemoryFeed, clock: Clock, size: tuple[int, int]
) -> None:
    async with asked.run_test(size=size) as pilot:
        await pilot.press("v")  # from the main screen straight to the question
        await until(pilot, lambda: isinstance(asked.screen, AskText))
        await pilot.press("enter", "space", "enter")
        assert "The text is empty" in text_of(asked)
        await pilot.press("escape")
        assert card(asked)
        clock.seconds += 1
        await pilot.press("v", *"[b]no[/b]", "enter")
        await until(
            pilot, lambda: feed.sent == [VetoProposal(patch_id=PATCH_ID, reason="[b]no[/b]")]
        )
        await until(pilot, lambda: isinstance(asked.screen, MainScreen))


STALE: list[tuple[Callable[[MemoryFeed], list[ev.AnyEvent]], str]] = [
    (
        lambda feed: [
            ev.ReviewDecided(
                queued=1, patch_id=PATCH_ID, decision=ReviewAnswer.APPROVE, by=Actor.COMMAND_LINE
            )
        ],
        "It was approved meanwhile, from the command line",
    ),
    (
        lambda feed: [
            ev.ReviewDecided(
                queued=1,
                patch_id=PATCH_ID,
                decision=ReviewAnswer.VETO,
                by=Actor.COMMAND_LINE,
                reason=f"no {ATTACK}",
            )
        ],
        "It was vetoed meanwhile, from the command line: no",
    ),
    (
        lambda feed: [ev.ProposalParked(queued=1, reason="not answered within 10 min")],
        "Its time ran out: it is parked",
    ),
    (lambda feed: [edited(feed)], "Its patch was changed meanwhile, from the command line"),
    (
        lambda feed: [ev.ProposalDropped(queued=1, reason="it no longer fits")],
        "It was taken out of the queue meanwhile",
    ),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("happens", "words"), STALE)
async def test_what_is_not_in_question_any_more_is_said_and_not_decided(
    asked: SupervisorApp,
    feed: MemoryFeed,
    clock: Clock,
    happens: Callable[[MemoryFeed], list[ev.AnyEvent]],
    words: str,
    size: tuple[int, int],
) -> None:
    async with asked.run_test(size=size) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: card(asked))
        clock.seconds += 1
        feed.happen(*happens(feed))
        await until(pilot, lambda: words in text_of(asked))
        await pilot.press("a", "v", "e")
        assert card(asked)
        assert "Nothing was done" in text_of(asked)
        assert feed.sent == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(asked.screen, MainScreen))


async def test_a_reason_for_a_patch_that_changed_meanwhile_is_not_sent(
    asked: SupervisorApp, feed: MemoryFeed
) -> None:
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(asked.screen, AskText))
        feed.happen(edited(feed))
        await until(pilot, lambda: asked.view.session.queue[0].proposal.patch_id == "beef02")
        await pilot.press(*"no", "enter")
        await until(pilot, lambda: "Nothing was sent" in text_of(asked))
        assert feed.sent == []


async def test_a_parked_one_waits_as_long_as_it_takes(
    asked: SupervisorApp, feed: MemoryFeed, clock: Clock
) -> None:
    async with asked.run_test(size=(120, 40)) as pilot:
        feed.happen(ev.ProposalParked(queued=1, reason="not answered within 10 min"))
        await until(pilot, lambda: "1 parked (w)" in text_of(asked))
        assert "needs you" not in text_of(asked).split("\n")[0]
        await pilot.press("a")
        await until(pilot, lambda: "parked: it waits until you decide" in text_of(asked))
        clock.seconds += 1
        await pilot.press("a")
        await until(pilot, lambda: feed.sent == [ApproveProposal(patch_id=PATCH_ID)])


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_stays_text(
    feed: MemoryFeed, clock: Clock, size: tuple[int, int]
) -> None:
    import msgspec

    patch = f"--- a/t\n+++ b/t\n@@ -1 +1 @@\n-old {ATTACK}\n+new {ATTACK}\n"
    finding = msgspec.structs.replace(RISKY[0], message=f"bad {ATTACK}", rule=f"rule {ATTACK}")
    feed.happen(
        *question(
            hypothesis=f"idea {ATTACK}", why=f"why {ATTACK}", patch=patch, findings=(finding,)
        )
    )
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=size) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: "idea" in text_of(app))
        shown = text_of(app)
        assert "[@click=app.quit]" in shown
        assert "[/red]" in shown
        bad = {c for c in shown if c != "\n" and not c.isprintable()}
        assert not bad
        clock.seconds += 1
        await pilot.press("escape", "w")
        await until(pilot, lambda: "Waiting for you: 1 asked" in text_of(app))
        assert all(c == "\n" or c.isprintable() for c in text_of(app))


async def test_v_without_a_question_vetoes_the_run(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: "Veto experiment 21, which runs now?" in text_of(app))
        assert "The run is killed" in text_of(app)
        await pilot.press("enter")
        assert feed.sent == []
        await pilot.press(*"hopeless", "enter")
        await until(pilot, lambda: feed.sent == [KillRun(experiment=21, reason="hopeless")])


async def test_without_a_question_the_keys_say_so(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("a", "e"):
            await pilot.press(key)
            assert "No proposal waits for you." in told(app)
        feed.happen(*attempt(21, made_up(30)[20])[3:])
        await until(pilot, lambda: app.view.session.running is None)
        await pilot.press("v")
        assert "No proposal waits for you, and nothing runs." in told(app)
        assert "decide" not in text_of(app)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"origin": Origin.REVIVE, "of": 3}, "the change of experiment 3 again"),
        ({"origin": Origin.CONFIRM, "of": 3}, "experiment 3 once more, exactly"),
        ({"origin": Origin.OVERRULE, "of": 3}, "your own verdict on experiment 3"),
        ({"origin": Origin.PIN, "pin": 1}, "your pin 1: try GQA"),
    ],
)
async def test_it_says_where_a_proposal_comes_from(
    feed: MemoryFeed, more: dict[str, object], words: str, tmp_path: Path
) -> None:
    feed.happen(ev.HypothesisPinned(pin=1, text="try GQA", by=Actor.SCREEN), *question(**more))  # type: ignore[arg-type]
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: words in text_of(app))
