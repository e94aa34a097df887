"""Serves the engine's unix socket: sends events to clients and answers their commands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from engine import __version__
from engine.core.enums import Actor
from engine.core.errors import AutoresearchError, EngineBusyError, WorkspaceError
from engine.core.secrets import redact
from engine.core.session import Session
from engine.protocol import commands, framing, messages
from engine.protocol.snapshot import encode_session
from engine.server.peer import Intruder, find_intruder

_log = logging.getLogger(__name__)
_BACKLOG_BYTES = 64 * 2**20
"""Unsent bytes above which a client that does not read is disconnected."""
_LIVE_BACKLOG_BYTES = 256 * 2**10
"""Unsent bytes above which a client is sent no live messages, only events."""
_LARGEST_COMMAND = 4 * 2**20
_REFUSAL_SECONDS = 5.0

_URGENT = (
    commands.PauseLoop,
    commands.StopSession,
    commands.KillRun,
    commands.VetoProposal,
)
"""Commands that are carried out at once, even where one before them still waits for git."""


class _Client:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.subscribes = False
        self.sender: Actor | None = None
        """Where the user gives this connection's commands; None before its first message."""
        self.unanswered: asyncio.Task[None] | None = None
        """The answer that is awaited last, such as one that needs git; None where none was."""

    def send(self, data: bytes, *, may_drop: bool = False) -> None:
        transport = self.writer.transport
        waiting = transport.get_write_buffer_size()
        if may_drop and waiting > _LIVE_BACKLOG_BYTES:
            return  # events are never dropped, live messages may be
        if waiting > _BACKLOG_BYTES:
            # The client notices the closed connection and attaches again.
            transport.abort()
            return
        self.writer.write(data)


class SocketServer:
    """Serves one engine's unix socket to any number of clients of the same user.

    Args:
        path: The path of the socket.
        session: Returns the session's state, sent to each new subscriber.
        initial_messages: Returns the live messages for a new subscriber (progress, reasoning).
        handle: Carries out a command; returns the answer for the user, or an awaitable of it.
        refused: Records that a process of a run or an agent tried to command the engine.
        secrets: Values that are redacted in the answers to commands.
    """

    def __init__(
        self,
        path: Path,
        *,
        session: Callable[[], Session],
        initial_messages: Callable[[], list[messages.AnyMessage]],
        handle: Callable[[commands.ClientCommand, Actor], str | Awaitable[str]],
        refused: Callable[[Intruder], None],
        secrets: Sequence[str] = (),
    ) -> None:
        self.path = path
        self._session = session
        self._initial_messages = initial_messages
        self._handle = handle
        self._refused = refused
        self._secrets = secrets
        self._clients: set[_Client] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def subscribers(self) -> int:
        """The number of connected clients that receive events."""
        return sum(c.subscribes for c in self._clients)

    async def start(self) -> None:
        """Create the socket, readable only by this user, and accept clients on it.

        Raises:
            EngineBusyError: Another process listens on the socket already.
            WorkspaceError: The socket cannot be created.
        """
        if self.path.exists():
            if _is_listening(self.path):
                raise EngineBusyError(
                    f"Another process listens on {self.path} already.",
                    "",
                    "Stop the other engine with `autoresearch-tui stop`.",
                )
            self.path.unlink()
        old = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        except OSError as error:
            raise WorkspaceError(
                f"The engine's socket {self.path} cannot be made.",
                f"{error.strerror or error}.",
                "Set XDG_RUNTIME_DIR to a directory of yours that is writable.",
            ) from error
        finally:
            os.umask(old)

    async def keep_listening(self) -> None:
        """Create the socket file again if it was removed, as systemd does at the last log-out.

        A failure is ignored; call this periodically.
        """
        with contextlib.suppress(AutoresearchError, OSError):
            if self._server is None or self.path.exists():
                return
            self._server.close()
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self.start()

    async def stop(self) -> None:
        """Send what is pending, disconnect all clients and remove the socket."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.writer.close()
        for client in list(self._clients):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.writer.wait_closed(), 1.0)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def publish(self, message: messages.AnyMessage) -> None:
        """Send a message to every subscriber; slow ones may miss any message but an event."""
        if not self.subscribers:
            return
        data = framing.frame(message)
        droppable = not isinstance(message, messages.EventAppended)
        for client in list(self._clients):
            if client.subscribes:
                client.send(data, may_drop=droppable)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(writer)
        try:
            connection = writer.get_extra_info("socket")
            if not _same_user(connection):
                return
            # In a thread, because a process can delay the reading of its environment.
            intruder = await asyncio.to_thread(find_intruder, connection)
            if intruder is not None:
                await self._refuse(reader, client, intruder)
                return
            self._clients.add(client)
            _log.info("a client connected, %s in all", len(self._clients))
            while True:
                header = await reader.readexactly(4)
                length = framing.frame_length(header)
                if length > _LARGEST_COMMAND:
                    return
                command = framing.decode_command(await reader.readexactly(length))
                self._answer(client, command)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, msgspec.DecodeError):
            return
        finally:
            self._clients.discard(client)
            _log.info("a client disconnected, %s left", len(self._clients))
            writer.close()

    async def _refuse(
        self, reader: asyncio.StreamReader, client: _Client, intruder: Intruder
    ) -> None:
        _log.warning("refused %s: pid %s, %s", intruder.origin, intruder.pid, intruder.program)
        if intruder.origin:
            self._refused(intruder)
        async with asyncio.timeout(_REFUSAL_SECONDS):
            # A connection that is closed with unread bytes loses the answer as well.
            length = framing.frame_length(await reader.readexactly(4))
            await reader.readexactly(min(length, _LARGEST_COMMAND))
            client.send(framing.frame(messages.Reply(id=0, ok=False, message=intruder.refusal)))
            await client.writer.drain()

    def _answer(self, client: _Client, command: commands.AnyCommand) -> None:
        if isinstance(command, commands.Hello):
            client.sender = Actor(command.sender)
            snapshot = encode_session(self._session()) if command.follow else b""
            welcome = messages.Welcome(version=__version__, pid=os.getpid(), snapshot=snapshot)
            client.send(framing.frame(welcome))
            if command.follow:
                client.subscribes = True
                for message in self._initial_messages():
                    client.send(framing.frame(message))
            return
        if client.sender is None:
            client.writer.close()  # not a client of this program
            return
        waiting = client.unanswered
        if waiting is not None and not waiting.done() and not isinstance(command, _URGENT):
            self._answer_later(client, command, self._after(waiting, command, client.sender))
            return
        try:
            answer = self._handle(command, client.sender)
        except Exception as error:
            self._reply(client, command, error)
            return
        if isinstance(answer, str):
            self._reply(client, command, answer)
            return
        self._answer_later(client, command, answer)

    async def _after(
        self, waiting: asyncio.Task[None], command: commands.ClientCommand, sender: Actor
    ) -> str:
        """Carry out a command once the client's command before it is answered."""
        await asyncio.wait({waiting})
        answer = self._handle(command, sender)
        return answer if isinstance(answer, str) else await answer

    def _answer_later(
        self, client: _Client, command: commands.AnyCommand, answer: Awaitable[str]
    ) -> None:
        async def send() -> None:
            try:
                self._reply(client, command, await answer)
            except Exception as error:
                self._reply(client, command, error)

        task = asyncio.ensure_future(send())
        client.unanswered = task
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _reply(
        self, client: _Client, command: commands.AnyCommand, answer: str | Exception
    ) -> None:
        """Send a client the answer to its command, or why that was not carried out."""
        text = answer if isinstance(answer, str) else _refusal(command, answer)
        ok, text = isinstance(answer, str), redact(text, self._secrets)
        client.send(framing.frame(messages.Reply(id=command.id, ok=ok, message=text)))


def _refusal(command: commands.AnyCommand, error: Exception) -> str:
    if isinstance(error, AutoresearchError):
        return str(error)
    # An internal error: the client is told, and the loop continues.
    _log.error("the command %s failed", type(command).__name__, exc_info=error)
    return (
        f"The engine failed ({type(error).__name__}: {error}); see `autoresearch-tui check --log`."
    )


def _is_listening(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(1.0)
        probe.connect(str(path))
    except OSError:
        return False
    else:
        return True
    finally:
        probe.close()


def _same_user(connection: socket.socket) -> bool:
    """Return True where the client's process runs as this user, or the system cannot tell.

    The mode of the socket file ensures the same.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", raw)[1]
    return uid == os.getuid()
