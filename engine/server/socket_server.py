"""The engine's end of the socket: clients come and go, hear everything that happens, and give
commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from engine import __version__
from engine.core.errors import AutoresearchError, EngineBusyError, WorkspaceError
from engine.core.session import Session
from engine.protocol import commands, framing, messages
from engine.protocol.snapshot import encode_session

_log = logging.getLogger(__name__)
_BACKLOG_BYTES = 64 * 2**20
_LIVE_BACKLOG_BYTES = 256 * 2**10
_LARGEST_COMMAND = 4 * 2**20


class _Client:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.subscribes = False

    def send(self, data: bytes, *, may_drop: bool = False) -> None:
        transport = self.writer.transport
        waiting = transport.get_write_buffer_size()
        if may_drop and waiting > _LIVE_BACKLOG_BYTES:
            return  # a stalled terminal needs no old samples; events are never dropped
        if waiting > _BACKLOG_BYTES:
            # A client that does not read for so long is told by the closed line to attach again.
            transport.abort()
            return
        self.writer.write(data)


class SocketServer:
    """Serves one engine's socket.

    Args:
        path: Of the socket.
        session: Gives the folded session as it stands.
        greet: Live messages for a client that just attached (progress, thoughts so far).
        handle: Does what a command says and returns what to tell the person, or will tell it when
            it has found out.
    """

    def __init__(
        self,
        path: Path,
        *,
        session: Callable[[], Session],
        initial_messages: Callable[[], list[messages.AnyMessage]],
        handle: Callable[[commands.ClientCommand], str | Awaitable[str]],
    ) -> None:
        self.path = path
        self._session = session
        self._initial_messages = initial_messages
        self._handle = handle
        self._clients: set[_Client] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def subscribers(self) -> int:
        """How many clients want to hear what happens."""
        return sum(c.subscribes for c in self._clients)

    async def start(self) -> None:
        """Listen.

        Raises:
            EngineBusyError: Somebody listens there already.
            WorkspaceError: The socket cannot be made.
        """
        if self.path.exists():
            if _answers(self.path):
                raise EngineBusyError(
                    f"Something listens on {self.path} already.",
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
        """Make the socket again if somebody removed it, as systemd does at the last log-out."""
        if self._server is None or self.path.exists():
            return
        self._server.close()
        with contextlib.suppress(AutoresearchError, OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self.start()

    async def stop(self) -> None:
        """Send what is left, hang up, remove the socket."""
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
        """Tell every follower."""
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
            if not _same_user(writer.get_extra_info("socket")):
                return
            self._clients.add(client)
            while True:
                header = await reader.readexactly(4)
                length = framing.frame_length(header)
                if length > _LARGEST_COMMAND:
                    return
                command = framing.decode_command(await reader.readexactly(length))
                self._answer(client, command)
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return
        finally:
            self._clients.discard(client)
            writer.close()

    def _answer(self, client: _Client, command: commands.AnyCommand) -> None:
        if isinstance(command, commands.Hello):
            snapshot = encode_session(self._session()) if command.follow else b""
            welcome = messages.Welcome(version=__version__, pid=os.getpid(), snapshot=snapshot)
            client.send(framing.frame(welcome))
            if command.follow:
                client.subscribes = True
                for message in self._initial_messages():
                    client.send(framing.frame(message))
            return
        try:
            answer = self._handle(command)
        except Exception as error:
            client.send(framing.frame(_refusal(command, error)))
            return
        if isinstance(answer, str):
            client.send(framing.frame(messages.Reply(id=command.id, ok=True, message=answer)))
            return
        task = asyncio.ensure_future(self._answer_later(client, command, answer))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer_later(
        self, client: _Client, command: commands.AnyCommand, answer: Awaitable[str]
    ) -> None:
        try:
            data = framing.frame(messages.Reply(id=command.id, ok=True, message=await answer))
        except Exception as error:
            data = framing.frame(_refusal(command, error))
        client.send(data)


def _refusal(command: commands.AnyCommand, error: Exception) -> messages.Reply:
    if isinstance(error, AutoresearchError):
        return messages.Reply(id=command.id, ok=False, message=str(error))
    # A fault of ours: who asked is told, and the loop goes on.
    _log.error("the command %s failed", type(command).__name__, exc_info=error)
    what = f"The engine failed at this ({type(error).__name__}: {error}); see engine.log."
    return messages.Reply(id=command.id, ok=False, message=what)


def _answers(path: Path) -> bool:
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
    """Whether the peer runs as our user; the socket's mode says so too, this is the second lock."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", raw)[1]
    return uid == os.getuid()
