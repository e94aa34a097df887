"""Keeps a connection to a workspace's engine open, for screens and commands that follow it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from engine.client.candidate import CandidateFile, candidate_file
from engine.client.handshake import (
    REPLY_SECONDS,
    WELCOME_SECONDS,
    accept_welcome,
    engine_socket,
    hello,
    no_answer,
    no_reply,
)
from engine.client.journal_cache import JournalCache
from engine.client.sessions import START, Details, details, read_session
from engine.core.errors import AutoresearchError, EngineGoneError
from engine.core.events import AnyEvent
from engine.core.layout import Layout
from engine.core.records import Queued
from engine.core.session import Session
from engine.protocol import commands, framing
from engine.protocol.messages import AnyMessage, Reply
from engine.store.curve_file import CurveFile
from engine.store.prompts import read_prompt


class EngineLink:
    """A connection to a workspace's engine: receives the session and its messages, sends commands.

    It also reads the session's files where a screen needs more than the messages hold.

    Args:
        workspace: The directory in which the engine runs.
        sender: Where the user gives the commands that are sent.
    """

    def __init__(
        self, workspace: Path, sender: Literal["screen", "command line"] = "screen"
    ) -> None:
        self.workspace = workspace
        self._sender: Literal["screen", "command line"] = sender
        self.engine_pid = 0
        self._tag = ""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._inbox: asyncio.Queue[AnyMessage | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._cache: JournalCache | None = None
        self._cache_lock = asyncio.Lock()

    async def start(self) -> Session:
        """Connect to the engine, or connect again after the connection was lost.

        Returns:
            The session's state at that moment.

        Raises:
            EngineGoneError: No engine answers, or it is of another version.
        """
        await self.close()
        path = engine_socket(self.workspace)
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(path, limit=2**20)
            self._writer.write(hello(follow=True, sender=self._sender))
            welcome = await asyncio.wait_for(self._receive(), WELCOME_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            # A screen tries again and again; it shows the complete start command itself.
            raise no_answer(self.workspace, with_limit=False) from error
        self.engine_pid, session = accept_welcome(welcome)
        self._tag = session.config.tag
        self._inbox = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        return session

    async def journaled(self) -> Session | None:
        """Return the newest session as its journal has it, for when no engine answers.

        None where there is no session or its journal cannot be read.
        """
        try:
            session = await asyncio.to_thread(read_session, self.workspace)
        except AutoresearchError:
            return None
        self._tag = session.config.tag
        return session

    async def _receive(self) -> AnyMessage:
        assert self._reader is not None
        length = framing.frame_length(await self._reader.readexactly(4))
        return framing.decode_message(await self._reader.readexactly(length))

    async def _read(self) -> None:
        try:
            while True:
                message = await self._receive()
                if isinstance(message, Reply):
                    waiting = self._replies.pop(message.id, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message)
                else:
                    self._inbox.put_nowait(message)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._inbox.put_nowait(None)
            for waiting in self._replies.values():
                if not waiting.done():
                    waiting.set_exception(EngineGoneError("The engine ended before it answered."))
            self._replies.clear()

    async def messages(self) -> AsyncIterator[AnyMessage]:
        """Yield the engine's messages except replies, until the connection ends."""
        while (message := await self._inbox.get()) is not None:
            yield message

    async def send(self, command: commands.AnyCommand) -> Reply:
        """Send a command to the engine and return its reply.

        Raises:
            EngineGoneError: The engine is gone, or does not reply within `REPLY_SECONDS`.
        """
        if self._writer is None or self._reading is None or self._reading.done():
            raise EngineGoneError("No engine is connected.", "", f"Start one with `{START}`.")
        numbered = replace(command, id=next(self._ids))
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[numbered.id] = future
        self._writer.write(framing.frame(numbered))
        try:
            return await asyncio.wait_for(future, REPLY_SECONDS)
        except TimeoutError:
            raise no_reply() from None

    def log_path(self, experiment: int, run: int) -> Path | None:
        """Return the path of a run's log file; None if there is no such file."""
        path = Layout(self.workspace, self._tag).run(experiment, run) / "run.log"
        return path if path.exists() else None

    def curve_file(self, experiment: int, run: int) -> CurveFile | None:
        """Return the file of a run's loss curve, which may not exist."""
        return CurveFile(Layout(self.workspace, self._tag).run(experiment, run))

    def details(self, experiment: int) -> Details:
        """Return the patch, reasoning (both may be empty) and directory of an experiment."""
        return details(self.workspace, self._tag, experiment)

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """Return the editable file before and after a queued proposal, read from git in a thread.

        Raises:
            WorkspaceError: The proposal's base is gone, or its patch does not fit it.
        """
        return await asyncio.to_thread(candidate_file, self.workspace, session, queued)

    def prompt(self, key: str) -> str | None:
        """Return a prompt that the agent was sent, by its key in the journal; None if deleted."""
        return read_prompt(Layout(self.workspace, self._tag).session, key)

    async def events(self) -> Sequence[AnyEvent]:
        """Return the session's events, oldest first; only new ones are read from the journal.

        The caller must not change the returned list.

        Raises:
            AutoresearchError: The journal cannot be read.
        """
        if self._cache is None or self._cache.tag != self._tag:
            self._cache = JournalCache(self.workspace, self._tag)
        async with self._cache_lock:
            await asyncio.to_thread(self._cache.refresh)
        return self._cache.events

    async def close(self) -> None:
        """Close the connection, if it is open; the engine continues."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None
