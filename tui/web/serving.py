"""Listening, telling the address, and ending: the life of `autoresearch-tui serve`."""

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

USUAL_PORT = 8000
_PATIENCE_SECONDS = 10.0
_ANY = ("0.0.0.0", "::", "")


class Address(NamedTuple):
    """Where the page is."""

    host: str
    port: int
    url: str
    """With the token."""
    ssh: str
    """What to type on another machine to reach it from there; empty where it listens elsewhere."""


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: An address or a name of this machine.
        port: None: the usual one, or a free one where that is taken.

    Raises:
        UsageError: There is no such address here.
        EnvironmentProblem: The port is taken, or not to be had.
    """
    try:
        family, *_, where = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"--host {host}: there is no such address ({getattr(error, 'strerror', error)}).",
            "",
            "Leave it out to serve this machine alone, and come through `ssh -L`.",
        ) from None
    tried = [USUAL_PORT, 0] if port is None else [port]
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
    """What to type into a browser, and before that on another machine."""
    bound, port = listening.getsockname()[:2]
    name = socket.gethostname() if host in _ANY else host
    if ":" in name:
        name = f"[{name}]"
    ssh = ssh_line(name, port, os.environ) if is_loopback(bound) else ""
    return Address(host, port, f"http://{name}:{port}/?token={token}", ssh)


def ssh_line(name: str, port: int, environ: Mapping[str, str]) -> str:
    """The command that brings a loopback port of this machine to the person's own.

    Args:
        name: How the page is reached on this machine.
        port: Its port.
        environ: Tells the port of the SSH server, where one was used.
    """
    said = environ.get("SSH_CONNECTION", "").split()
    door = f"-p {said[3]} " if len(said) == 4 and said[3].isdigit() and said[3] != "22" else ""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's number without a name
        user = "USER"
    return f"ssh -N {door}-L {port}:{name}:{port} {user}@{socket.gethostname()}"


def serve(
    words: Sequence[str],
    title: str,
    host: str,
    port: int | None,
    tell: Callable[[Address], None],
) -> None:
    """Serve until a signal; tell the address as soon as it answers.

    Args:
        words: The command that paints the screen of a tab.
        title: What the page is called.
        host: What is listened on.
        port: None: the usual one, or a free one.
        tell: Is given the address, once.

    Raises:
        AutoresearchError: It cannot listen there.
    """
    with listen(host, port) as listening:
        token = make_token()
        door = RequestGuard(token, host or listening.getsockname()[0])
        server = WebServer(words, door, title)
        asyncio.run(_until_signalled(server, listening, address_of(listening, host, token), tell))


async def _until_signalled(
    server: WebServer,
    listening: socket.socket,
    address: Address,
    tell: Callable[[Address], None],
) -> None:
    over = asyncio.Event()

    def signalled() -> None:
        if over.is_set():
            server.kill_tabs()  # the second one: do not wait
        over.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under `nohup` a hang-up is ignored, and stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, signalled)
    # No log of requests: the first one holds the token.
    runner = web.AppRunner(
        await server.make_app(), access_log=None, shutdown_timeout=_PATIENCE_SECONDS
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        tell(address)
        await over.wait()
    finally:
        await runner.cleanup()
