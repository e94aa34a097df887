"""Where the screen gets its session from: one protocol for a live engine and for a replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.core.errors import EngineGoneError
from engine.core.events import (
    AnyEvent,
    EngineStarted,
    ProposalDrafted,
    ProposalQueued,
    ProposalRevised,
    RunEnded,
    RunStarted,
)
from engine.core.machine import MachineSample
from engine.core.records import Queued
from engine.core.reducer import apply
from engine.core.session import Session
from engine.protocol.commands import AnyCommand
from engine.protocol.messages import (
    AnyMessage,
    Devices,
    EventAppended,
    Progress,
    ReasoningChunk,
    Reply,
    Welcome,
)
from tui.view import LinkState, View

if TYPE_CHECKING:
    from engine.client.candidate import CandidateFile
    from engine.client.connection import Details

_THINKING_SHOWN = 64 * 1024
"""Characters of reasoning kept; the whole of it is in the artifacts."""
_RETRY_SECONDS = (1.0, 2.0, 4.0, 10.0)
_MESSAGES_PER_TURN = 200


class Feed(Protocol):
    """What stands behind the screen: a live engine, or a recording of one."""

    @property
    def workspace(self) -> Path:
        """The researcher's repository."""

    async def start(self) -> Session:
        """Connect, again where the last connection ended.

        Raises:
            EngineGoneError: Nobody answers.
        """

    async def journaled(self) -> Session | None:
        """The session as it was left, where nobody answers; None where it cannot be read."""

    def messages(self) -> AsyncIterator[AnyMessage | Session]:
        """What came after the session `start` returned; ends when the engine is gone. A whole
        session takes the place of what was folded: a replay jumps.
        """

    async def send(self, command: AnyCommand) -> Reply:
        """Ask the engine for something.

        Raises:
            EngineGoneError: Nobody answers.
        """

    def log_path(self, experiment: int, run: int) -> Path | None:
        """The log of a run, where there is one."""

    def details(self, experiment: int) -> Details:
        """Patch, reasoning and directory of an experiment; never raises."""

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """The editable file before and after a proposal.

        Raises:
            AutoresearchError: It cannot be read, or the proposal does not fit it.
        """

    def prompt(self, key: str) -> str | None:
        """What an agent was told, by the key the session has; None where it is gone."""

    async def events(self) -> Sequence[AnyEvent]:
        """All that happened up to the moment that is shown, oldest first; not to be changed.

        Raises:
            AutoresearchError: The journal cannot be read.
        """

    async def close(self) -> None:
        """Let go of the engine, which goes on."""


class FeedFollower:
    """Folds what a feed tells into the newest `View`.

    Args:
        feed: Where messages come from.
        session: What to show until the feed has answered.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        feed: Feed,
        session: Session | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._feed = feed
        self._sleep = sleep
        self._session = session if session is not None else Session()
        self._progress: Progress | None = None
        self._devices: MachineSample | None = None
        self._thinking: dict[int, str] = {}
        self._link = LinkState.LIVE if session is not None else LinkState.RECONNECTING
        self.changed = asyncio.Event()
        """Set whenever `view` would give something new."""
        self.trouble = ""
        """Why nobody answers, as far as the last attempt told."""

    def view(self, now: datetime) -> View:
        """Everything to paint, at this moment."""
        newest = len(self._session.experiments)
        here = newest if self._session.current is not None else newest + 1
        ahead = [number for number in self._thinking if number > here]
        return View(
            session=self._session,
            progress=self._progress,
            devices=self._devices,
            thinking=self._thinking.get(here, ""),
            ahead=self._thinking[ahead[0]] if ahead else "",
            drafts_ahead=bool(ahead),
            now=now,
            link=self._link,
        )

    async def run(self) -> None:
        """Follow the feed for ever, through every loss of the engine."""
        failures = 0
        while True:
            try:
                session = await self._feed.start()
            except EngineGoneError as error:
                self.trouble = str(error)
                if not self._session.seq and (left := await self._feed.journaled()) is not None:
                    self._session = left
                self._lose()
                await self._sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            self.trouble = ""
            self._begin(session)
            count = 0
            async for message in self._feed.messages():
                self.take(message)
                count += 1
                if count % _MESSAGES_PER_TURN == 0:
                    # A burst that is already there would never let the screen have its turn.
                    await asyncio.sleep(0)
            self._lose()
            await self._sleep(_RETRY_SECONDS[0])

    def take(self, message: AnyMessage | Session) -> None:
        """One message more."""
        match message:
            case Session():
                self._begin(message)
            case EventAppended(event=event):
                if 0 < event.seq <= self._session.seq:
                    return  # told twice, across a reconnect
                self._session = apply(self._session, event)
                if isinstance(event, RunStarted | RunEnded | EngineStarted):
                    self._progress = None
                if isinstance(event, ProposalDrafted | ProposalRevised | ProposalQueued):
                    # The session has the whole of it now.
                    self._forget(event)
            case Progress():
                self._progress = message
            case Devices(sample=sample):
                self._devices = sample
            case ReasoningChunk(text=text, start=start, over=over, experiment=number):
                before = "" if start else self._thinking.pop(number, "")
                self._thinking[number] = (before + text)[-_THINKING_SHOWN:]
                if over:
                    del self._thinking[number]
            case Welcome() | Reply():
                return
        self.changed.set()

    def _forget(self, event: ProposalDrafted | ProposalRevised | ProposalQueued) -> None:
        last = len(self._session.experiments)
        if isinstance(event, ProposalQueued):
            last += len(self._session.queue)
        self._thinking = {n: text for n, text in self._thinking.items() if n > last}

    def _begin(self, session: Session) -> None:
        self._session = session
        self._progress = self._devices = None
        self._thinking = {}
        self._link = LinkState.LIVE
        self.changed.set()

    def _lose(self) -> None:
        if self.trouble:
            self.changed.set()
        ended = self._session.ended is not None
        link = LinkState.GONE if ended else LinkState.RECONNECTING
        if link is not self._link or self._devices is not None or self._progress is not None:
            # Samples of an engine that is gone would look like news.
            self._progress = self._devices = None
            self._link = link
            self.changed.set()
