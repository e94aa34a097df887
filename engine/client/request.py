"""Sends requests to a workspace's engine and blocks until it replies, for commands and scripts."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from engine.client.handshake import (
    REPLY_SECONDS,
    WELCOME_SECONDS,
    accept_welcome,
    engine_socket,
    hello,
    no_answer,
    no_reply,
)
from engine.core.errors import EngineGoneError
from engine.core.session import Session
from engine.protocol import commands, framing
from engine.protocol.messages import AnyMessage, Progress, Reply, Stalled

_PROGRESS_SECONDS = 0.3


class EngineState(NamedTuple):
    """The state of a workspace's newest session, as its engine or its journal reports it."""

    session: Session
    progress: Progress | None
    """Progress of the current training run; None where nothing runs or none came in time."""
    pid: int | None
    """The engine's process id; None where no engine runs."""
    stalled: str = ""
    """What the engine waits for, such as space on a full disk; empty: nothing."""


def ask_pid(workspace: Path, timeout: float) -> int:
    """Return the process id of the workspace's engine, as the engine itself reports it.

    Raises:
        EngineGoneError: No engine answers within `timeout` seconds.
    """
    with _connect(workspace, follow=False, timeout=timeout) as (_, pid, _):
        return pid


def ask_state(workspace: Path) -> EngineState:
    """Return the workspace's engine's session, progress and pid, asked from the engine.

    Raises:
        EngineGoneError: No engine answers.
    """
    with _connect(workspace, follow=True, timeout=WELCOME_SECONDS) as (connection, pid, session):
        progress: Progress | None = None
        stalled: Stalled | None = None
        until = time.monotonic() + _PROGRESS_SECONDS
        with contextlib.suppress(OSError, EOFError):
            # `Stalled` is the last of the messages with which an engine greets a follower.
            while stalled is None or (session.running is not None and progress is None):
                if stalled is not None:
                    connection.settimeout(max(0.001, until - time.monotonic()))
                message = _receive(connection)
                progress = message if isinstance(message, Progress) else progress
                stalled = message if isinstance(message, Stalled) else stalled
        return EngineState(session, progress, pid, stalled.reason if stalled is not None else "")


def send_command(workspace: Path, command: commands.AnyCommand) -> Reply:
    """Send one command to the workspace's engine and return its reply.

    Raises:
        EngineGoneError: No engine answers.
    """
    with _connect(workspace, follow=False, timeout=WELCOME_SECONDS) as (connection, _, _):
        return _send(connection, command)


def send_for(workspace: Path, make: Callable[[Session], commands.AnyCommand]) -> Reply:
    """Send a command that depends on the engine's session, and return the engine's reply.

    Args:
        workspace: The workspace in which the engine runs.
        make: Function that returns the command for a session.

    Raises:
        AutoresearchError: No engine answers, or `make` raised the error.
    """
    with _connect(workspace, follow=True, timeout=WELCOME_SECONDS) as (connection, _, session):
        return _send(connection, make(session))


@contextlib.contextmanager
def _connect(
    workspace: Path, *, follow: bool, timeout: float
) -> Iterator[tuple[socket.socket, int, Session]]:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        try:
            connection.settimeout(timeout)
            connection.connect(engine_socket(workspace))
            connection.sendall(hello(follow=follow, sender="command line"))
            welcome = _receive(connection)
        except (OSError, EOFError) as error:
            raise no_answer(workspace, with_limit=True) from error
        yield connection, *accept_welcome(welcome)


def _send(connection: socket.socket, command: commands.AnyCommand) -> Reply:
    connection.settimeout(REPLY_SECONDS)
    try:
        connection.sendall(framing.frame(replace(command, id=1)))
        while not isinstance(message := _receive(connection), Reply):
            pass
    except TimeoutError:
        raise no_reply() from None
    except (OSError, EOFError):
        raise EngineGoneError("The engine ended before it answered.") from None
    return message


def _receive(connection: socket.socket) -> AnyMessage:
    """Return the next message of the engine, waiting for it.

    Raises:
        EOFError: The engine closed the connection.
    """
    length = framing.frame_length(_read(connection, 4))
    return framing.decode_message(_read(connection, length))


def _read(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 2**20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
