"""What is told, and what the footer offers: short, one at a time, nothing that cannot be done."""

from __future__ import annotations

import pytest

from engine.core.enums import Actor
from engine.core.events import EngineStopped, Paused, SessionEnded
from engine.core.reducer import apply
from engine.protocol.commands import PauseLoop, ResumeLoop
from engine.protocol.messages import Reply
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed
from tests.tui.test_bursts import burst
from tests.tui.test_keys import told
from tui.app import SupervisorApp
from tui.clipboard import copy

WIDE = (120, 40)


async def test_one_at_a_time_and_gone_with_the_next_key(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await pilot.press("slash", *"absent", "enter")
        await until(pilot, lambda: "Not found: absent" in text_of(app))
        app.notify("another")
        await until(pilot, lambda: "another" in text_of(app))
        assert "Not found" not in text_of(app)
        await pilot.press("up")
        await until(pilot, lambda: "another" not in text_of(app))


async def test_never_over_a_card_but_after_it(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        app.notify("before")
        await until(pilot, lambda: "before" in text_of(app))
        app.action_help()
        await until(pilot, lambda: "before" not in text_of(app))
        app.notify("during")
        await pilot.pause()
        assert told(app) == ""
        await pilot.press("escape")
        await until(pilot, lambda: "during" in text_of(app))


async def test_copied_is_short(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("y")
        await until(pilot, lambda: told(app) == "Experiment 21 has no row yet.")
        await pilot.press("up", "y")
        await until(pilot, lambda: told(app) == "Row 20 copied (OSC 52, …/copied.txt)")
    long = await copy("x" * 100_000, lambda text: None)
    assert long == "copied (…/copied.txt; too long for OSC 52)"


async def test_space_held_down_asks_once(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.answer = Reply(id=0, ok=False, message="It is not paused.")
    feed.session = apply(feed.session, Paused(by=Actor.PERSON, reason="", seq=feed.session.seq + 1))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.view.session.pause)
        await burst(pilot, "space", "space", "space")
        assert feed.sent == [ResumeLoop()]


async def test_after_two_seconds_or_another_state_it_asks_again(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    seconds = [100.0]
    app.clock = lambda: seconds[0]
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("space", "space")
        seconds[0] += 2.1
        await pilot.press("space")
        await until(pilot, lambda: feed.sent == [PauseLoop(), PauseLoop()])
        feed.happen(Paused(by=Actor.PERSON, reason=""))
        await until(pilot, lambda: app.view.session.pause)
        await pilot.press("space")
        await until(pilot, lambda: feed.sent[2:] == [ResumeLoop()])


# ---- the footer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [True, False])
async def test_without_an_engine_only_what_can_be_done_is_offered(
    app: SupervisorApp, feed: MemoryFeed, ended: bool
) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        assert "s stop after this" in text_of(app)
        feed.happen(SessionEnded(reason="done") if ended else EngineStopped(reason="stopped"))
        feed.refuse_starts = 1_000
        feed.die()
        await until(pilot, lambda: "continue with `autoresearch-tui start`" in text_of(app))
        await until(pilot, lambda: "space" not in text_of(app).split("\n")[-1])
        first, *_, footer = text_of(app).split("\n")
        assert "ENDED" in first if ended else "no engine" in first
        assert "q leave" in footer
        assert "enter open" in footer
        for words in ("pause", "stop", "kill"):
            assert words not in footer


async def test_a_narrow_footer_keeps_open_and_search(app: SupervisorApp) -> None:
    async with app.run_test(size=(80, 24)):
        footer = text_of(app).split("\n")[-1]
        for words in ("space pause", "enter open", "/ search", "? help", "q leave"):
            assert words in footer
        assert "zoom" not in footer
