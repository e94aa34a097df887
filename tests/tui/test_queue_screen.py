"""The morning queue is gone through with the same card."""

from __future__ import annotations

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, ReviewAnswer
from engine.protocol.commands import ApproveProposal, VetoProposal
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import RISKY, MemoryFeed, question
from tests.tui.test_keys import Clock
from tui.app import SupervisorApp
from tui.screens.queue import QueueScreen
from tui.screens.review import ReviewCard

SIZES = [(80, 24), (120, 40)]


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_empty_in_words(app: SupervisorApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "Nothing waits for you." in text_of(app))
        await pilot.press("a", "v", "e", "down", "escape")
        await until(pilot, lambda: not isinstance(app.screen, QueueScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_gone_through(feed: MemoryFeed, size: tuple[int, int]) -> None:
    clock = Clock()
    for number in (1, 2, 3):
        feed.happen(
            *question(
                number,
                patch_id=f"patch{number}",
                hypothesis=f"idea {number}",
                findings=RISKY[number - 1 :],
                at=feed.session.at,
            )
        )
    feed.happen(ev.ProposalParked(queued=1, reason="not answered"))
    app = SupervisorApp(feed, feed.session, clock=clock, now=lambda: feed.session.at)
    async with app.run_test(size=size) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "Waiting for you: 2 asked, 1 parked" in text_of(app))
        shown = text_of(app)
        assert shown.index("idea 2") < shown.index("idea 3") < shown.index("idea 1")
        assert "‖ parked, since Nov 2" in shown
        assert "risk: block (3)" in shown

        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewCard) and "idea 3" in text_of(app))
        clock.seconds += 1
        await pilot.press("a")
        await until(pilot, lambda: feed.sent == [ApproveProposal(patch_id="patch3")])
        approved = ev.ReviewDecided(
            queued=3, patch_id="patch3", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN
        )
        feed.happen(approved)
        await until(pilot, lambda: "1 asked, 1 parked" in text_of(app))

        await pilot.press("end", "v")
        clock.seconds += 1
        await pilot.press(*"old", "enter")
        await until(pilot, lambda: feed.sent[1:] == [VetoProposal(patch_id="patch1", reason="old")])
        assert isinstance(app.screen, QueueScreen)


async def test_the_cursor_stays_on_its_proposal(feed: MemoryFeed) -> None:
    for number in range(1, 12):
        feed.happen(*question(number, patch_id=f"patch{number}", hypothesis=f"idea {number}"))
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("w", "end")
        await until(pilot, lambda: "▌ idea 11" in text_of(app))
        feed.happen(ev.ProposalDropped(queued=1, reason="x"))
        await until(pilot, lambda: "Waiting for you: 10 asked" in text_of(app))
        assert "▌ idea 11" in text_of(app)
        await pilot.press("home")
        await until(pilot, lambda: "▌ idea 2" in text_of(app))
