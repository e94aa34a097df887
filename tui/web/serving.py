"""Runs the web server of `autoresearch-tui serve`: from its listening socket to its end."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from aiohttp import web

from engine.core.errors import EnvironmentProblem, UsageError
from tui.web.request_guard import RequestGuard, is_loopback, make_token
from tui.web.server import WebServer

DEFAULT_PORT = 8000
_SHUTDOWN_SECONDS = 10.0
_ANY = ("0.0.0.0", "::", "")


class Address(NamedTuple):
    """Where the web server listens, and how a user reaches its page."""

    host: str
    port: int
    url: str
    """The URL of the page, which contains the token."""
    ssh: str
    """The `ssh` command that makes the page reachable from another machine; "" if it is already."""


def listen(host: str, port: int | None) -> socket.socket:
    """Open a socket for the web server on an address and port of this machine.

    Args:
        host: An address or a name of this machine.
        port: The port; None for 8000, or a free one where that is taken.

    Raises:
        UsageError: This machine does not have the address.
        EnvironmentProblem: The port is taken or not permitted.
    """
    try:
        family, *_, where = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"Invalid value for `--host`: {host} ({getattr(error, 'strerror', error)}).",
            "",
            "Leave it out to serve this machine only, and connect through `ssh -L`.",
        ) from None
    tried = [DEFAULT_PORT, 0] if port is None else [port]
    for each in tried:
        try:
            return socket.create_server((str(where[0]), each), family=family)
        except OSError as error:
            failed = error
    raise EnvironmentProblem(
        f"Cannot listen on {host}, port {tried[-1]}: {failed.strerror}.",
        "",
        "Name another with --port, or leave --port out for a free one.",
    )


def address_of(listening: socket.socket, host: str, token: str) -> Address:
    """Return the address of the page that is served on a listening socket.

    Args:
        listening: The socket of the server.
        host: The address or name that the user gave.
        token: The token of the server.
    """
    bound, port = listening.getsockname()[:2]
    name = socket.gethostname() if host in _ANY else host
    if ":" in name:
        name = f"[{name}]"
    ssh = ssh_line(name, port, os.environ) if is_loopback(bound) else ""
    return Address(host, port, f"http://{name}:{port}/?token={token}", ssh)


def ssh_line(name: str, port: int, environ: Mapping[str, str]) -> str:
    """Return the `ssh` command that forwards a loopback port of this machine to the user's own.

    Args:
        name: The host by which this machine itself reaches the page, such as `localhost`.
        port: The port of the page.
        environ: The environment, which names the port of the SSH server if one was used.
    """
    connection = environ.get("SSH_CONNECTION", "").split()
    remote = connection[3] if len(connection) == 4 else ""
    option = f"-p {remote} " if remote.isdigit() and remote != "22" else ""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # in a container the number may have no name
        user = "USER"
    return f"ssh -N {option}-L {port}:{name}:{port} {user}@{socket.gethostname()}"


def serve(
    command: Sequence[str],
    title: str,
    host: str,
    port: int | None,
    announce: Callable[[Address], None],
) -> None:
    """Run the web server of the screen until SIGINT, SIGTERM or SIGHUP, then end every tab.

    The tabs get some seconds to end; a second signal kills them at once.

    Args:
        command: The command that shows the screen of a tab.
        title: The title of the page.
        host: The address or name to listen on.
        port: The port; None for 8000, or a free one where that is taken.
        announce: Called once with the address, when the server answers.

    Raises:
        AutoresearchError: The server cannot listen there.
    """
    with listen(host, port) as listening:
        token = make_token()
        guard = RequestGuard(token, host or listening.getsockname()[0])
        server = WebServer(command, guard, title)
        asyncio.run(
            _until_signalled(server, listening, address_of(listening, host, token), announce)
        )


async def _until_signalled(
    server: WebServer,
    listening: socket.socket,
    address: Address,
    announce: Callable[[Address], None],
) -> None:
    ended = asyncio.Event()

    def signalled() -> None:
        if ended.is_set():
            server.kill_tabs()  # a second signal: do not wait
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` ignores a hang-up, and so does this server then.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, signalled)
    # Requests are not logged, because the first one has the token.
    runner = web.AppRunner(
        await server.make_app(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        announce(address)
        await ended.wait()
    finally:
        await runner.cleanup()
