"""Follows a session's source, a live engine or a recording, and builds the view to paint."""

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
    Stalled,
    Welcome,
)
from tui.view import LinkState, View

if TYPE_CHECKING:
    from engine.client.candidate import CandidateFile
    from engine.client.sessions import Details
    from engine.store.curve_file import CurveFile

_REASONING_CHARACTERS = 64 * 1024
"""The newest characters of the agent's reasoning kept in memory; the artifacts hold all of it."""
_RETRY_SECONDS = (1.0, 2.0, 4.0, 10.0)
_MESSAGES_PER_TURN = 200


class Feed(Protocol):
    """The source of a session: a connection to a live engine, or a recording that is replayed."""

    @property
    def workspace(self) -> Path:
        """The git repository in which the agent edits the training file."""

    async def start(self) -> Session:
        """Connect to the engine, closing an earlier connection, and return the session so far.

        Raises:
            EngineGoneError: There is no engine, or it does not answer.
        """

    async def journaled(self) -> Session | None:
        """Return the session read from its journal, without an engine; None if unreadable."""

    def messages(self) -> AsyncIterator[AnyMessage | Session]:
        """Yield the engine's messages after `start`, until the connection to the engine is lost.

        A replay yields a whole session, which replaces the one built from earlier messages.
        """

    async def send(self, command: AnyCommand) -> Reply:
        """Send a command to the engine and return its reply, which says whether it was accepted.

        Raises:
            EngineGoneError: No engine answers.
        """

    def log_path(self, experiment: int, run: int) -> Path | None:
        """Return the log file of an experiment's run, by both numbers; None where there is none."""

    def curve_file(self, experiment: int, run: int) -> CurveFile | None:
        """Return the file of a run's loss curve, perhaps missing; None in a replay of a table."""

    def details(self, experiment: int) -> Details:
        """Return an experiment's patch, reasoning and directory; a text that is lost is ""."""

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """Return the editable training file as it is without and with a queued proposal's patch.

        Raises:
            AutoresearchError: The file cannot be read, or the proposal does not fit it.
        """

    def prompt(self, key: str) -> str | None:
        """Return the prompt saved under this artifact key; None where it is lost."""

    async def events(self) -> Sequence[AnyEvent]:
        """Return the session's events up to the moment shown, oldest first; do not change the list.

        Raises:
            AutoresearchError: The journal cannot be read.
        """

    async def close(self) -> None:
        """Disconnect from the engine, which keeps running."""


class FeedFollower:
    """Receives the messages of a feed, reconnects when it is lost, and keeps the newest `View`.

    Args:
        feed: The source of the messages.
        session: The session to show until the feed has answered; None for an empty one.
        sleep: Waits a number of seconds, before a new attempt to connect.
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
        self._stalled = ""
        self._reasoning: dict[int, str] = {}
        self._link = LinkState.LIVE if session is not None else LinkState.RECONNECTING
        self.changed = asyncio.Event()
        """Set whenever `view` would return something new; the reader clears it."""
        self.error = ""
        """Why the last attempt to connect failed, in words; "" while connected."""

    def view(self, now: datetime) -> View:
        """Return all that the screen paints: session, newest samples, agent's reasoning.

        Args:
            now: The current time in UTC, stored in the view.
        """
        newest = len(self._session.experiments)
        here = newest if self._session.current is not None else newest + 1
        ahead = [number for number in self._reasoning if number > here]
        return View(
            session=self._session,
            progress=self._progress,
            devices=self._devices,
            stalled=self._stalled,
            reasoning=self._reasoning.get(here, ""),
            ahead=self._reasoning[ahead[0]] if ahead else "",
            drafts_ahead=bool(ahead),
            now=now,
            link=self._link,
        )

    async def run(self) -> None:
        """Follow the feed until cancelled, reconnecting whenever the engine is lost."""
        failures = 0
        while True:
            try:
                session = await self._feed.start()
            except EngineGoneError as error:
                self.error = str(error)
                if not self._session.seq and (left := await self._feed.journaled()) is not None:
                    self._session = left
                self._lose()
                await self._sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            self.error = ""
            self._begin(session)
            count = 0
            async for message in self._feed.messages():
                self.take(message)
                count += 1
                if count % _MESSAGES_PER_TURN == 0:
                    # Let the screen paint in the middle of a burst of messages.
                    await asyncio.sleep(0)
            self._lose()
            await self._sleep(_RETRY_SECONDS[0])

    def take(self, message: AnyMessage | Session) -> None:
        """Update the state behind `view` from one message of the feed, and set `changed`."""
        match message:
            case Session():
                self._begin(message)
            case EventAppended(event=event):
                if 0 < event.seq <= self._session.seq:
                    return  # received twice, across a reconnect
                self._session = apply(self._session, event)
                if isinstance(event, RunStarted | RunEnded | EngineStarted):
                    self._progress = None
                if isinstance(event, ProposalDrafted | ProposalRevised | ProposalQueued):
                    # The session holds the whole reasoning now.
                    self._forget(event)
            case Progress():
                self._progress = message
            case Devices(sample=sample):
                self._devices = sample
            case Stalled(reason=reason):
                self._stalled = reason
            case ReasoningChunk(text=text, start=start, over=over, experiment=number):
                before = "" if start else self._reasoning.pop(number, "")
                self._reasoning[number] = (before + text)[-_REASONING_CHARACTERS:]
                if over:
                    del self._reasoning[number]
            case Welcome() | Reply():
                return
        self.changed.set()

    def _forget(self, event: ProposalDrafted | ProposalRevised | ProposalQueued) -> None:
        last = len(self._session.experiments)
        if isinstance(event, ProposalQueued):
            last += len(self._session.queue)
        self._reasoning = {n: text for n, text in self._reasoning.items() if n > last}

    def _begin(self, session: Session) -> None:
        self._session = session
        self._progress = self._devices = None
        self._stalled = ""
        self._reasoning = {}
        self._link = LinkState.LIVE
        self.changed.set()

    def _lose(self) -> None:
        if self.error:
            self.changed.set()
        ended = self._session.ended is not None
        link = LinkState.GONE if ended else LinkState.RECONNECTING
        if link is not self._link or self._devices is not None or self._progress is not None:
            # Samples of an engine that is gone would look current.
            self._progress = self._devices = None
            self._stalled = ""
            self._link = link
            self.changed.set()
