"""A recording as a feed: the live screen paints what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace as with_fields

from engine.client.candidate import CandidateFile
from engine.client.connection import Details
from engine.core.errors import AutoresearchError, EngineGoneError
from engine.core.events import AnyEvent
from engine.core.records import Queued
from engine.core.session import Session
from engine.protocol.commands import AnyCommand
from engine.protocol.messages import AnyMessage, Reply
from engine.replay.commits import Diff
from engine.replay.source import ReplaySource
from tui.feed import FeedFollower
from tui.replay.player import Player
from tui.view import LinkState, Replayed, View

_DIFFS_KEPT = 256
_NO_ENGINE = "This is a replay; no engine is asked."


class ReplayFeed:
    """The session at the moment the player is at.

    Args:
        source: What is replayed.
        player: Where in it.
    """

    def __init__(self, source: ReplaySource, player: Player) -> None:
        self.source = source
        self.player = player
        self._moved = asyncio.Event()
        self._diffs: dict[int, Diff] = {}
        self._lookup: asyncio.Task[None] | None = None
        """The diff that git is being asked for."""

    @property
    def workspace(self) -> Path:
        """Where the session was."""
        return self.source.workspace

    def moved(self) -> None:
        """Another moment is to be shown, or the same one otherwise."""
        self._moved.set()

    def look(self) -> None:
        """Read what a running session has added.

        A file that is gone or damaged meanwhile leaves what was read.
        """
        try:
            grown = self.source.look()
        except AutoresearchError:
            return
        if grown:
            self.player.grown()
            self.moved()  # the time line is longer, wherever one is

    # ---- a feed ----------------------------------------------------------------------------------

    async def start(self) -> Session:
        """The session at this moment."""
        self._look_up_newest()
        return self.player.session

    async def journaled(self) -> Session | None:
        """There is always somebody: the recording."""
        return None

    async def messages(self) -> AsyncIterator[AnyMessage | Session]:
        """The session at every moment that is gone to."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            self._look_up_newest()
            yield self.player.session

    async def send(self, command: AnyCommand) -> Reply:
        """Nobody is there.

        Raises:
            EngineGoneError: Always.
        """
        raise EngineGoneError(_NO_ENGINE)

    def log_path(self, experiment: int, run: int) -> Path | None:
        """The log of a run, whole, if it is still there."""
        return self.source.log_path(experiment, run)

    def details(self, experiment: int) -> Details:
        """Patch and reasoning at this moment."""
        patch = self.diff(experiment).patch
        reasoning = self.source.reasoning(experiment, self.player.step)
        return Details(patch, reasoning, self.source.directory(experiment))

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """Refuse, as `send` does: a proposal of a replay cannot be edited.

        Raises:
            EngineGoneError: Always.
        """
        raise EngineGoneError(_NO_ENGINE)

    def prompt(self, key: str) -> str | None:
        """As it was kept beside the journal."""
        return self.source.prompt(key)

    async def events(self) -> Sequence[AnyEvent]:
        """What had happened by this moment."""
        return self.source.recording.events[: self.player.step]

    async def close(self) -> None:
        """Give up the diff that git is being asked for."""
        if self._lookup is not None:
            self._lookup.cancel()

    # ---- diffs -----------------------------------------------------------------------------------

    def diff(self, number: int) -> Diff:
        """What an experiment changed. Of a table's, git is asked once."""
        if not self.source.from_table:
            return self.source.diff(number, self.player.step)
        if number not in self._diffs:
            while len(self._diffs) >= _DIFFS_KEPT:
                del self._diffs[next(iter(self._diffs))]
            self._diffs[number] = self.source.diff(number, self.player.step)
        return self._diffs[number]

    def known_diff(self, number: int) -> Diff:
        """Return the diff of an experiment, or a note while git has not been asked for it yet."""
        if number in self._diffs or not self.source.asks_git(number):
            return self.diff(number)
        return Diff(note="Looking for its commit …")

    def _look_up_newest(self) -> None:
        """Ask git for the newest experiment's diff, unless an earlier question is open.

        The answer of that one is another move, after which this is called again.
        """
        number = len(self.player.session.experiments)
        if self._lookup is None and number not in self._diffs and self.source.asks_git(number):
            self._lookup = asyncio.create_task(self._look_up(number))

    async def _look_up(self, number: int) -> None:
        try:
            found = await asyncio.to_thread(self.source.diff, number, self.player.step)
        except AutoresearchError as error:
            found = Diff(note=str(error))
        self._diffs[number] = found
        self._lookup = None
        self.moved()


class ReplayFollower(FeedFollower):
    """What the screen is given: the moment, and that it is one of a replay.

    Args:
        feed: The recording.
    """

    def __init__(self, feed: ReplayFeed) -> None:
        super().__init__(feed, feed.player.session)
        self._replay = feed

    def view(self, now: datetime) -> View:
        """The moment, by the clock of its own time."""
        player, source = self._replay.player, self._replay.source
        session = player.session
        machine = session.machine
        note = ""
        if source.from_table and session.experiments:
            found = self._replay.known_diff(len(session.experiments))
            session = with_fields(session, latest_patch=found.patch)
            note = found.note
        return replace(
            super().view(session.at),
            session=session,
            devices=machine.sample if machine is not None else None,
            sampled_at=machine.at if machine is not None else None,
            link=LinkState.REPLAY,
            replay=Replayed(
                playing=player.playing,
                joined=player.joined,
                from_table=source.from_table,
                diff_note=note,
                speed=player.speed,
                step=player.step,
                events=len(player.recording),
            ),
        )
