"""Hands environment variables over to a new engine, and hides its memory from other processes.

Other processes of the user, such as a training run, can read the environment that a process was
started with. The engine therefore gets its secrets through a socket, which is its standard input,
and only after it has made itself unreadable.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from engine.core.errors import EngineGoneError

HANDOVER_FLAG = "--take-environment"
"""Tells the engine that its standard input is the socket of `give_environment`."""
_PR_SET_DUMPABLE = 4
_LENGTH = struct.Struct(">I")
_READY = b"1"


def hide_memory() -> None:
    """Prevent other processes of the user from reading this one's memory and environment.

    Where the system has no such protection, nothing is done.
    """
    if sys.platform.startswith("linux"):
        import ctypes  # most commands start no engine

        with suppress(OSError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def give_environment(connection: socket.socket, variables: Mapping[str, str], wait: float) -> None:
    """Send environment variables to a new engine as soon as it has hidden its memory.

    Args:
        connection: The other end of the socket that is the engine's standard input; it is closed.
        variables: The variables to send.
        wait: Seconds after which the engine is given up.
    """
    body = msgspec.msgpack.encode(
        {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
    )
    # An engine that ends instead says so by its exit code.
    with connection, suppress(OSError):
        connection.settimeout(wait)
        if connection.recv(1) == _READY:
            connection.sendall(_LENGTH.pack(len(body)) + body)


def take_environment() -> None:
    """Add the variables that `give_environment` sends to this process's environment.

    They are not in the environment that the system shows for this process.

    Raises:
        EngineGoneError: The process that started this one has ended.
    """
    with socket.socket(fileno=os.dup(0)) as connection, connection.makefile("rb") as file:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        body = b""
        with suppress(OSError):
            connection.sendall(_READY)
            header = file.read(_LENGTH.size)
            body = file.read(_LENGTH.unpack(header)[0]) if len(header) == _LENGTH.size else b""
    try:
        variables = msgspec.msgpack.decode(body, type=dict[bytes, bytes])
    except msgspec.DecodeError:
        raise EngineGoneError(
            "The engine was not given its environment.",
            "The command that started it has ended.",
            "Start it again with `autoresearch-tui start`.",
        ) from None
    os.environb.update(variables)
