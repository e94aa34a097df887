"""Provides a recording as the source of sessions for the screens of a live session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace as with_fields

from engine.client.candidate import CandidateFile
from engine.client.sessions import Details
from engine.core.analysis.counterfactual import WhatIf
from engine.core.errors import AutoresearchError, EngineGoneError
from engine.core.events import AnyEvent
from engine.core.records import Experiment, Queued
from engine.core.session import Session
from engine.core.vector import Vector
from engine.protocol.commands import AnyCommand
from engine.protocol.messages import AnyMessage, Reply
from engine.replay.commits import Diff
from engine.replay.source import ReplaySource
from engine.store.curve_file import CurveFile
from tui.feed import FeedFollower
from tui.replay.player import Player
from tui.replay.what_if import Question, judge_moment
from tui.view import LinkState, Replayed, View

_DIFFS_KEPT = 256
_NO_ENGINE = "This is a replay; no engine is asked."


class ReplayFeed:
    """Yields the session at the moment the player is at, in place of a running engine.

    Args:
        source: The recording and its files.
        player: The position in the recording.
    """

    def __init__(self, source: ReplaySource, player: Player) -> None:
        self.source = source
        self.player = player
        self.question: Question | None = None
        """The keep rule and σ by which the keeps are judged again; None: they are not."""
        self._answer: tuple[Question, Vector[Experiment], WhatIf] | None = None
        self._moved = asyncio.Event()
        self._diffs: dict[int, Diff] = {}
        self._lookup: asyncio.Task[None] | None = None
        """The task that asks git for a diff; None while git is not being asked."""

    @property
    def workspace(self) -> Path:
        """The directory that the session ran in."""
        return self.source.workspace

    def moved(self) -> None:
        """Have the screens painted again, after the player moved or more became known."""
        self._moved.set()

    def read_new(self) -> None:
        """Read the events that a running session has added; a lost or damaged file adds nothing."""
        try:
            grown = self.source.refresh()
        except AutoresearchError:
            return
        if grown:
            self.player.grown()
            self.moved()  # the time line is longer, whatever moment is shown

    def what_if(self, session: Session) -> WhatIf | None:
        """Return which keeps stand by the user's question; None while there is none.

        Args:
            session: The session at the moment that is shown.
        """
        question, known = self.question, self._answer
        if question is None:
            return None
        same = known is not None and known[1] is session.experiments
        if known is None or not same or known[0] != question:
            answer = judge_moment(self.source, session, question)
            known = self._answer = (question, session.experiments, answer)
        return known[2]

    # ---- a feed ----------------------------------------------------------------------------------

    async def start(self) -> Session:
        """Return the session at the player's moment, and ask git for its newest diff if needed."""
        self._look_up_newest()
        return self.player.session

    async def journaled(self) -> Session | None:
        """Return None: a replay needs no journal to fall back on, since `start` never fails."""
        return None

    async def messages(self) -> AsyncIterator[AnyMessage | Session]:
        """Yield the session at the player's moment after each call of `moved`, without end."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            self._look_up_newest()
            yield self.player.session

    async def send(self, command: AnyCommand) -> Reply:
        """Refuse a command, since no engine belongs to a replay.

        Raises:
            EngineGoneError: Always.
        """
        raise EngineGoneError(_NO_ENGINE)

    def log_path(self, experiment: int, run: int) -> Path | None:
        """Return the complete log file of an experiment's run; None where it is lost."""
        return self.source.log_path(experiment, run)

    def curve_file(self, experiment: int, run: int) -> CurveFile | None:
        """Return the file of a run's loss curve; None in a replay of a table."""
        return self.source.curve_file(experiment, run)

    def details(self, experiment: int) -> Details:
        """Return the patch, reasoning and directory of an experiment, as of the player's moment."""
        patch = self.diff(experiment).patch
        reasoning = self.source.reasoning(experiment, self.player.step)
        return Details(patch, reasoning, self.source.directory(experiment))

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """Refuse to read a proposal's file, since a proposal of a replay cannot be edited.

        Raises:
            EngineGoneError: Always.
        """
        raise EngineGoneError(_NO_ENGINE)

    def prompt(self, key: str) -> str | None:
        """Return the prompt kept under a key beside the journal; None where it is lost."""
        return self.source.prompt(key)

    async def events(self) -> Sequence[AnyEvent]:
        """Return all events up to the player's moment, oldest first."""
        return self.source.recording.events[: self.player.step]

    async def close(self) -> None:
        """Cancel the task that asks git for a diff, if one is running."""
        if self._lookup is not None:
            self._lookup.cancel()

    # ---- diffs -----------------------------------------------------------------------------------

    def diff(self, number: int) -> Diff:
        """Return the diff of an experiment; for a results table, 256 answers of git are kept."""
        if not self.source.from_table:
            return self.source.diff(number, self.player.step)
        if number not in self._diffs:
            while len(self._diffs) >= _DIFFS_KEPT:
                del self._diffs[next(iter(self._diffs))]
            self._diffs[number] = self.source.diff(number, self.player.step)
        return self._diffs[number]

    def known_diff(self, number: int) -> Diff:
        """Return the diff of an experiment, or a note while git has not been asked for it yet."""
        if number in self._diffs or not self.source.needs_git(number):
            return self.diff(number)
        return Diff(note="Looking for its commit …")

    def _look_up_newest(self) -> None:
        """Ask git in the background for the newest experiment's diff, unless git is asked already.

        Each answer calls `moved`, after which this method is called again.
        """
        number = len(self.player.session.experiments)
        if self._lookup is None and number not in self._diffs and self.source.needs_git(number):
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
    """Makes the view that the screens paint from the moment of a recording.

    Args:
        feed: The recording and the position in it.
    """

    def __init__(self, feed: ReplayFeed) -> None:
        super().__init__(feed, feed.player.session)
        self._replay = feed

    def view(self, now: datetime) -> View:
        """Return the view of the player's moment; its time is the recording's, `now` is ignored."""
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
            what_if=self._replay.what_if(player.session),
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
