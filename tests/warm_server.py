"""The process that warm commands and engines are forked from: see `tests.warm`.

    python -m tests.warm_server SOCKET OWNER

Each connection sends one `Request` and gets the process's exit code, as `subprocess` counts it.
The server ends soon after the process OWNER.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec
import psutil

import engine
import tui.cli
from engine.agents.base import agent_names
from engine.agents.llm.library import litellm
from engine.client import launch
from engine.server import daemon
from tests.warm import spawn_warm_engine
from tui.terminal.check import prepare_environment

_OWNER_SECONDS = 1.0
"""Seconds between two checks whether the owner still runs."""
MAINS = {"autoresearch-tui": tui.cli.main, "engine": daemon.main}


_IMPORTED_LATE = ("pynvml", "tomlkit.exceptions", "yaml")
"""Modules of others that commands and engines import inside functions."""


def import_everything() -> None:
    """Import here once what each fork would import."""
    gc.disable()  # none of it becomes garbage
    prepare_environment(os.environ)  # of each process that is forked, before it imports Textual
    litellm()
    for package in (engine, tui):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in _IMPORTED_LATE:
        importlib.import_module(name)
    agent_names()  # which reads the installed packages
    gc.freeze()
    gc.enable()


class Request(msgspec.Struct, frozen=True):
    """The process that is asked for."""

    argv: list[str]
    """Its name, one of `MAINS`, and its arguments."""
    environ: dict[str, str]
    cwd: str
    stdin: str
    """The file that its standard input is read from; a terminal becomes its own."""
    out: str
    """The file that its standard output is appended to."""
    errors: str


class Server:
    """Forks a process for each connection and tells it the exit code.

    Args:
        path: The socket to listen at; it appears once connections are accepted.
        owner: The process with which the server ends.
    """

    def __init__(self, path: str, owner: int) -> None:
        self._path = path
        self._owner = owner
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{path}.new")
        self._listener.listen(128)
        os.rename(f"{path}.new", path)
        self._woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        self._wakes = wakes
        for source in (self._listener, self._woken):
            self._selector.register(source, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork until the owner ends."""
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakes.fileno())
        while psutil.pid_exists(self._owner):
            ready = [key.fileobj for key, _ in self._selector.select(_OWNER_SECONDS)]
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            if self._listener in ready:
                self._fork(self._listener.accept()[0])
        shutil.rmtree(Path(self._path).parent)

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self._children.pop(pid) as connection:
                    # The command that started an engine may be gone.
                    _send(connection, str(os.waitstatus_to_exitcode(status)))

    def _fork(self, connection: socket.socket) -> None:
        request = msgspec.json.decode(connection.makefile("rb").readline(), type=Request)
        pid = os.fork()
        if pid == 0:
            self._close()
            connection.close()
            _become(request, self._path)
        self._children[pid] = connection
        _send(connection, f"{pid}\n")

    def _close(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for one in (self._listener, self._woken, self._wakes, *self._children.values()):
            one.close()


def _send(connection: socket.socket, text: str) -> None:
    with suppress(BrokenPipeError):
        connection.sendall(text.encode())


def _become(request: Request, server: str) -> NoReturn:
    """Be a process as a fresh interpreter would be, and end with the result of its `main`."""
    os.setsid()
    # A suite in the background of a script ignores these, and so does what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request.environ)
    time.tzset()
    os.chdir(request.cwd)
    for number, path in enumerate((request.stdin, request.out, request.errors)):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    # The server's own streams remember whether its files could seek.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace", buffering=1, closefd=False)

    launch.spawn_engine = functools.partial(spawn_warm_engine, server)  # type: ignore[assignment]
    sys.argv = request.argv
    code: int | str = 1
    try:
        code = MAINS[request.argv[0]]() or 0
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # The test process counts its children: this is to be none of them.
    import_everything()
    server = Server(sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    server.serve()
