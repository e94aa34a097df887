"""How the screens and the command reach a session: through the engine's socket, or its files where
no engine runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shlex
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from engine import __version__
from engine.client.candidate import CandidateFile, candidate_file
from engine.client.journal_events import JournalCache
from engine.core.errors import AutoresearchError, EngineGoneError, JournalError, WorkspaceError
from engine.core.events import AnyEvent
from engine.core.records import Queued
from engine.core.reducer import fold
from engine.core.session import Session
from engine.protocol import commands, framing
from engine.protocol.endpoint import lock_holder, published_socket_path, socket_path
from engine.protocol.messages import AnyMessage, Reply, Welcome
from engine.protocol.snapshot import decode_session
from engine.store.artifacts import Layout, sessions
from engine.store.journal import fold_journal
from engine.store.prompts import read_prompt
from engine.store.tolerant_reader import JournalTail

START = "autoresearch-tui start"
_REPLY_SECONDS = 30.0
_WELCOME_SECONDS = 10.0


@dataclass(frozen=True)
class Details:
    """The texts kept of one experiment."""

    patch: str
    reasoning: str
    directory: Path


def find_workspace(path: Path) -> Path:
    """The workspace a person means: the directory itself, or the one above it that has sessions.

    Raises:
        WorkspaceError: There is no such directory.
    """
    if not path.is_dir():
        raise WorkspaceError(
            f"There is no directory {path}.", "", "Name the directory of your workspace."
        )
    start = path.resolve()
    for candidate in (start, *start.parents):
        if sessions(candidate):
            return candidate
    return start


def read_session(workspace: Path, tag: str | None = None) -> Session:
    """Fold a session from its journal; the newest one where no tag is given.

    Raises:
        WorkspaceError: There is no session.
        JournalError: The journal is damaged.
    """
    tags = sessions(workspace)
    if tag is not None and tag not in tags:
        have = f"There are: {', '.join(tags)}." if tags else ""
        raise WorkspaceError(f"There is no session {tag!r} in {workspace}.", have)
    if not tags:
        raise WorkspaceError(
            f"There is no session in {workspace}.", "", "Start one with `autoresearch-tui` there."
        )
    return fold_journal(Layout(workspace, tag or tags[-1]).journal)


def read_what_is_left(workspace: Path, tag: str | None = None) -> tuple[Session, tuple[str, ...]]:
    """As `read_session`, but of a damaged journal as much as can be read, and what is wrong with it
    in words for the person. To look at, never to act on.

    Raises:
        WorkspaceError: There is no session.
        JournalError: Nothing of the journal can be read.
    """
    notes: tuple[str, ...] = ()
    try:
        session = read_session(workspace, tag)
    except JournalError:
        tail = JournalTail(Layout(workspace, tag or sessions(workspace)[-1]).journal)
        session = fold(tail.news(), tolerant=True)
        notes = ("The journal is damaged; this is what is left of it.", *tail.notes)
    tag = tag or sessions(workspace)[-1]
    if session.config.tag != tag:  # its first line, which has the config, is lost
        session = replace(session, config=replace(session.config, tag=tag))
        if not session.seq:
            notes = (f"The journal of {tag} holds no whole line.",)
    return session, notes


def has_session(workspace: Path) -> bool:
    """Whether a workspace has any session."""
    return bool(sessions(workspace))


def engine_pid(workspace: Path) -> int | None:
    """The pid of the workspace's engine, if one is alive."""
    return lock_holder(workspace)


def start_command(workspace: Path, *, named: bool = False) -> str:
    """The command that goes on with a workspace's session, with a higher limit where it needs one.
    Reads the journal.

    Args:
        workspace: Whose.
        named: Whether the person stands elsewhere, so that it must be named.
    """
    words = START
    words += f" {shlex.quote(str(workspace))}" if named else ""
    try:
        session = read_session(workspace)
    except AutoresearchError:
        return words
    return f"{words} --max {session.suggested_limit}" if session.is_used_up else words


def details(workspace: Path, tag: str, number: int) -> Details:
    """The texts of an experiment; empty where they are not recorded."""
    directory = Layout(workspace, tag).experiment(number)

    def read(name: str) -> str:
        try:
            return (directory / name).read_text("utf-8", "replace")
        except OSError:
            return ""

    return Details(read("patch.diff"), read("reasoning.md"), directory)


def send_command(workspace: Path, command: commands.AnyCommand) -> Reply:
    """Give one command to the workspace's engine.

    Raises:
        EngineGoneError: No engine answers.
    """

    async def once() -> Reply:
        link = EngineLink(workspace, follow=False)
        try:
            await link.start()
            return await link.send(command)
        finally:
            await link.close()

    return asyncio.run(once())


class EngineLink:
    """A connection to a workspace's engine: the session so far, then everything as it happens.

    Args:
        workspace: Whose engine.
        follow: Whether to hear what happens; a link that only sends commands is cheaper.
    """

    def __init__(self, workspace: Path, *, follow: bool = True) -> None:
        self.workspace = workspace
        self.engine_pid = 0
        self._follow = follow
        self._tag = ""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._inbox: asyncio.Queue[AnyMessage | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._past: JournalCache | None = None
        self._reading_past = asyncio.Lock()

    async def start(self) -> Session:
        """Connect (again).

        Returns:
            The session as it stands; an empty one if this link does not follow.

        Raises:
            EngineGoneError: No engine answers.
        """
        await self.close()
        path = published_socket_path(self.workspace) or socket_path(self.workspace)
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(str(path), limit=2**20)
            self._writer.write(
                framing.frame(commands.Hello(version=__version__, follow=self._follow))
            )
            welcome = await asyncio.wait_for(self._receive(), _WELCOME_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise self._nobody() from error
        if not isinstance(welcome, Welcome):
            raise EngineGoneError("What listens on the engine's socket is no engine.")
        if welcome.version != __version__:
            raise EngineGoneError(
                f"The engine is version {welcome.version}, this is {__version__}.",
                "They may not understand each other.",
                "Stop the engine with the version that started it, then start it again.",
            )
        self.engine_pid = welcome.pid
        session = decode_session(welcome.snapshot) if welcome.snapshot else Session()
        self._tag = session.config.tag
        self._inbox = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        return session

    async def journaled(self) -> Session | None:
        """The session as its journal has it, where no engine answers; None where it has none."""
        try:
            session = await asyncio.to_thread(read_session, self.workspace)
        except AutoresearchError:
            return None
        self._tag = session.config.tag
        return session

    def _nobody(self) -> EngineGoneError:
        pid = engine_pid(self.workspace)
        if pid is not None:
            return EngineGoneError(
                f"The engine of {self.workspace} (pid {pid}) does not answer.",
                "",
                f"Wait a moment and try again. `kill {pid}` ends it and loses nothing: the next "
                "engine takes its run over.",
            )
        return EngineGoneError(
            f"No engine is at work in {self.workspace}.",
            "",
            # A screen asks again and again, and shows the whole command itself.
            f"Start one with `{START if self._follow else start_command(self.workspace)}`.",
        )

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
                    waiting.set_exception(
                        EngineGoneError("The engine went away before it answered.")
                    )
            self._replies.clear()

    async def messages(self) -> AsyncIterator[AnyMessage]:
        """What happens, until the engine is gone."""
        while (message := await self._inbox.get()) is not None:
            yield message

    async def send(self, command: commands.AnyCommand) -> Reply:
        """Give a command and wait for the answer.

        Raises:
            EngineGoneError: The engine is gone, or does not answer.
        """
        if self._writer is None or self._reading is None or self._reading.done():
            raise EngineGoneError("No engine is connected.", "", f"Start one with `{START}`.")
        numbered = replace(command, id=next(self._ids))
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[numbered.id] = future
        self._writer.write(framing.frame(numbered))
        try:
            return await asyncio.wait_for(future, _REPLY_SECONDS)
        except TimeoutError:
            raise EngineGoneError("The engine does not answer.") from None

    def log_path(self, experiment: int, run: int) -> Path | None:
        """The log of a run."""
        path = Layout(self.workspace, self._tag).run(experiment, run) / "run.log"
        return path if path.exists() else None

    def details(self, experiment: int) -> Details:
        """The texts of an experiment."""
        return details(self.workspace, self._tag, experiment)

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        """The editable file before and after a proposal, read from git off the event loop.

        Raises:
            WorkspaceError: The proposal's base is gone, or its patch does not fit it.
        """
        return await asyncio.to_thread(candidate_file, self.workspace, session, queued)

    def prompt(self, key: str) -> str | None:
        """What an agent was told, by the key the journal has; None where it is gone."""
        return read_prompt(Layout(self.workspace, self._tag).session, key)

    async def events(self) -> Sequence[AnyEvent]:
        """All that happened so far, oldest first, read from the journal; what was read before is
        not read again. Not to be changed.

        Raises:
            AutoresearchError: The journal cannot be read.
        """
        if self._past is None or self._past.tag != self._tag:
            self._past = JournalCache(self.workspace, self._tag)
        async with self._reading_past:
            await asyncio.to_thread(self._past.refresh)
        return self._past.events

    async def close(self) -> None:
        """Hang up; the engine goes on."""
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
