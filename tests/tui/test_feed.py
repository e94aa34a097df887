"""The follower: one fold, whatever the feed does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.enums import Phase
from engine.core.errors import JournalError
from engine.core.events import ProposalDrafted, SessionEnded
from engine.core.machine import MachineSample
from engine.core.reducer import apply
from engine.core.session import Session
from engine.protocol.messages import AnyMessage, Devices, EventAppended, Progress, ReasoningChunk
from tests.tui.seeing import until
from tests.tui.synthetic import MemoryFeed, attempt, made_up, session_of
from tui.app import ExitInfo, SupervisorApp
from tui.feed import FeedFollower
from tui.view import LinkState, View


@pytest.fixture
def quiet(tmp_path: Path) -> MemoryFeed:
    return MemoryFeed(session_of(tmp_path, made_up(3)), tmp_path)


def view(follower: FeedFollower) -> View:
    from tests.tui.synthetic import START

    return follower.view(START)


def drained(feed: MemoryFeed) -> list[AnyMessage]:
    """Everything that waits to be told."""
    waiting = [feed.queue.get_nowait() for _ in range(feed.queue.qsize())]
    return [message for message in waiting if message is not None]


async def follow(follower: FeedFollower, feed: MemoryFeed) -> None:
    """Until the feed's engine is gone and was looked for again."""
    task = asyncio.create_task(follower.run())
    while not feed.queue.empty() or feed.starts < 2:
        await asyncio.sleep(0)
    task.cancel()


async def test_events_are_folded_and_told_once(quiet: MemoryFeed) -> None:
    follower = FeedFollower(quiet, quiet.session)
    quiet.happen(*attempt(4, made_up(4)[3])[3:])
    told = drained(quiet)
    for message in told:
        follower.take(message)
    after = view(follower).session
    assert after.counts.total == 4
    assert after == quiet.session
    for message in told:
        follower.take(message)
    assert view(follower).session == after


async def test_progress_belongs_to_the_run_that_made_it(quiet: MemoryFeed) -> None:
    follower = FeedFollower(quiet, quiet.session)
    progress = Progress(experiment=4, run=1, phase=Phase.TRAINING, elapsed_seconds=3.0)
    follower.take(progress)
    assert view(follower).progress == progress
    quiet.happen(*attempt(4, made_up(4)[3])[3:4])
    follower.take(drained(quiet)[0])
    assert view(follower).progress is None


async def test_reasoning_grows_starts_over_and_ends_in_the_session(quiet: MemoryFeed) -> None:
    follower = FeedFollower(quiet, quiet.session)
    for text, start in (("old", True), ("new", True), (" words", False)):
        follower.take(ReasoningChunk(text=text, start=start, experiment=4))
    assert view(follower).reasoning == "new words"
    follower.take(ReasoningChunk(text="x" * 100_000, experiment=4))
    assert len(view(follower).reasoning) == 64 * 1024
    drafted = next(e for e in attempt(4, made_up(4)[3]) if isinstance(e, ProposalDrafted))
    follower.take(EventAppended(event=drafted))
    assert view(follower).reasoning == ""


async def test_reasoning_ahead_is_kept_apart_and_ends_when_it_comes_to_nothing(
    quiet: MemoryFeed,
) -> None:
    follower = FeedFollower(quiet, quiet.session)
    assert quiet.session.current is quiet.session.experiment(4)
    for text, start, number in (("", True, 5), ("next", False, 5), ("revising", True, 4)):
        follower.take(ReasoningChunk(text=text, start=start, experiment=number))
    now = view(follower)
    assert (now.reasoning, now.ahead, now.drafts_ahead) == ("revising", "next", True)
    follower.take(ReasoningChunk(text="", over=True, experiment=5))
    now = view(follower)
    assert (now.reasoning, now.ahead, now.drafts_ahead) == ("revising", "", False)


async def test_a_lost_engine_is_looked_for_with_patience(quiet: MemoryFeed) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    quiet.refuse_starts = 6
    quiet.die()
    follower = FeedFollower(quiet, None, sleep)
    assert view(follower).link is LinkState.RECONNECTING
    task = asyncio.create_task(follower.run())
    while len(waits) < 7:
        await asyncio.sleep(0)
    task.cancel()
    assert waits == [1, 2, 4, 10, 10, 10, 1]


async def test_samples_of_a_lost_engine_are_not_news(quiet: MemoryFeed) -> None:
    follower = FeedFollower(quiet, quiet.session, lambda seconds: asyncio.sleep(0))
    quiet.tell(Devices(sample=MachineSample(cores=4)))
    quiet.die()
    await follow(follower, quiet)
    assert view(follower).devices is None


async def test_an_ended_session_is_gone_not_reconnecting(quiet: MemoryFeed) -> None:
    from engine.core.events import SessionEnded

    ended = apply(quiet.session, SessionEnded(seq=10**6, reason="done"))
    quiet.session = ended
    quiet.refuse_starts = 0
    follower = FeedFollower(quiet, ended, lambda seconds: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
    quiet.die()
    task = asyncio.create_task(follower.run())
    while not quiet.queue.empty() or quiet.starts == 0:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert view(follower).link is LinkState.GONE
    task.cancel()


async def test_a_feed_that_cannot_be_trusted_ends_the_screen_with_its_reason(
    quiet: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start() -> Session:
        raise JournalError("The journal is damaged.", "Line 7.", "Run `doctor`.")

    monkeypatch.setattr(quiet, "start", start)
    app = SupervisorApp(quiet, quiet.session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app._exit)
    assert app.return_value == ExitInfo("ended", "The journal is damaged. Line 7. Run `doctor`.")
    assert app.return_code == 8


async def test_where_nobody_answers_the_journal_does(quiet: MemoryFeed) -> None:
    quiet.refuse_starts = 1_000
    ended = apply(quiet.session, SessionEnded(seq=quiet.session.seq + 1, reason="done"))
    quiet.left = ended

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    follower = FeedFollower(quiet, None, sleep)
    task = asyncio.create_task(follower.run())
    while not view(follower).session.seq:
        await asyncio.sleep(0)
    assert view(follower).session == ended
    assert view(follower).link is LinkState.GONE
    task.cancel()
