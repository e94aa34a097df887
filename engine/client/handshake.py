"""Makes and checks the first messages between a client and an engine; explains their failures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engine import __version__
from engine.client.sessions import START, engine_pid, start_command
from engine.core.errors import EngineGoneError, EngineRefusedError
from engine.core.session import Session
from engine.protocol import commands, framing
from engine.protocol.endpoint import published_socket_path, socket_path
from engine.protocol.messages import AnyMessage, Reply, Welcome
from engine.protocol.snapshot import decode_session

WELCOME_SECONDS = 10.0
REPLY_SECONDS = 30.0


def engine_socket(workspace: Path) -> str:
    """Return the path of the unix socket on which the workspace's engine listens, if one runs."""
    return str(published_socket_path(workspace) or socket_path(workspace))


def hello(*, follow: bool, sender: Literal["screen", "command line"]) -> bytes:
    """Return the framed bytes of the first message that a client sends.

    Args:
        follow: Whether the engine is to send the session's state and all later messages.
        sender: Where the user gives the commands of this connection.
    """
    return framing.frame(commands.Hello(version=__version__, follow=follow, sender=sender))


def accept_welcome(message: AnyMessage) -> tuple[int, Session]:
    """Check the engine's first message and return what it holds.

    Returns:
        The engine's process id, and the session's state, which is empty if the client did not
        ask to follow.

    Raises:
        EngineRefusedError: The engine does not take commands from this process.
        EngineGoneError: The other side is not an engine of this version.
    """
    if isinstance(message, Reply):
        raise EngineRefusedError(message.message)
    if not isinstance(message, Welcome):
        raise EngineGoneError("Unexpected reply on the engine socket.")
    if message.version != __version__:
        raise EngineGoneError(
            f"The engine is version {message.version}, this is {__version__}.",
            "They may be incompatible.",
            "Stop the engine with the version that started it, then start it again.",
        )
    return message.pid, decode_session(message.snapshot) if message.snapshot else Session()


def no_answer(workspace: Path, *, with_limit: bool) -> EngineGoneError:
    """Return the error for an engine that cannot be reached; it says how to start one.

    Args:
        workspace: The workspace whose engine was asked.
        with_limit: Whether to read the journal and add `--max` to the start command if the
            session has reached its limit of experiments.
    """
    pid = engine_pid(workspace)
    if pid is not None:
        return EngineGoneError(
            f"The engine of {workspace} (pid {pid}) does not answer.",
            "",
            f"Wait a moment and try again. `kill {pid}` ends it and loses nothing: the next "
            "engine takes over its run.",
        )
    return EngineGoneError(
        f"No engine is at work in {workspace}.",
        "",
        f"Start one with `{start_command(workspace) if with_limit else START}`.",
    )


def no_reply() -> EngineGoneError:
    """Return the error for a command that the engine did not reply to in time."""
    return EngineGoneError("The engine does not answer.")
