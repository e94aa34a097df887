"""Commands and engines in processes of their own that have nothing left to import.

LiteLLM alone takes three seconds of processor time to import, and each session with a language
model has an engine that needs it. The processes here are forked from one, `tests.warm_server`,
that has imported everything already. They run the real `main` of the command and of the engine.
How a command starts an interpreter for an engine is tested with `tests.world.run_command`.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from tests.world import DEADLINE_SECONDS, one_run_each, wait_for

WARM_SERVER_VARIABLE = "WARM_SERVER"
_DIRECTORY = Path(tempfile.gettempdir())
"""The directory for sockets, as it was before any test changed it."""


class WarmProcess:
    """A process that was forked, with the members of `subprocess.Popen` that a command uses."""

    def __init__(
        self,
        server: str,
        argv: list[str],
        cwd: Path,
        out: Path,
        errors: Path,
        environ: Mapping[str, str] = os.environ,
        stdin: Path = Path(os.devnull),
    ) -> None:
        self._code: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(server)
        files = {"stdin": str(stdin), "out": str(out), "errors": str(errors)}
        fields = {"argv": argv, "cwd": str(cwd), **files}
        self._connection.sendall(msgspec.json.encode({**fields, "environ": dict(environ)}) + b"\n")
        pid = b""
        while not pid.endswith(b"\n"):  # not a byte of the exit code, which may be there already
            pid += self._connection.recv(1)
        self.pid = int(pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        if self._code is None:
            self._connection.setblocking(False)
            with suppress(BlockingIOError):
                self._read()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as the process has ended.

        Raises:
            TimeoutError: It still runs after `timeout` seconds.
        """
        if self._code is None:
            self._connection.settimeout(timeout)
            self._read()
        assert self._code is not None
        return self._code

    def _read(self) -> None:
        self._code = int(self._connection.recv(16))
        self._connection.close()


def spawn_warm_engine(server: str, workspace: Path) -> tuple[WarmProcess, Path]:
    """Start an engine as `engine.client.launch.spawn_engine` does, warm."""
    log = workspace / ".autoresearch" / "engine.log"
    return WarmProcess(server, ["engine", str(workspace)], Path("/"), log, log), log


@functools.cache
def warm_server() -> str:
    """Return the socket of this test run's server, which the first test that needs it starts.

    The processes of a parallel run are children of one process and share its server. It ends with
    that process, or with this one where tests run in one process. A process that a test started
    uses the server named in its environment.
    """
    if given := os.environ.get(WARM_SERVER_VARIABLE):
        return given
    run, owner = os.environ.get("PYTEST_XDIST_TESTRUNUID"), os.getpid()
    if run is None:
        directory = Path(tempfile.mkdtemp(prefix="warm-", dir=_DIRECTORY))
        _start_server(directory / "socket", owner)
    else:
        owner = os.getppid()
        directory = _DIRECTORY / f"warm-{run}-{owner}"
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            wait_for((directory / "socket").exists, "the start of the server for warm processes")
        else:
            _start_server(directory / "socket", owner)
    return str(directory / "socket")


def _start_server(path: Path, owner: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_server", str(path), str(owner)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:  # which has left another process to go on alone
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"


def run_warm(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal, as `run_command` does; its engines are warm as well.

    What an interpreter reads at its start, such as `PYTHONPATH`, is not read again: a test that
    depends on it uses `run_command`.
    """
    arguments = ["autoresearch-tui", *one_run_each([*map(str, words)])]
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        environ = {**os.environ, **(env or {})}
        process = WarmProcess(warm_server(), arguments, cwd or Path.cwd(), out, errors, environ)
        code = process.wait(DEADLINE_SECONDS)
        return subprocess.CompletedProcess(arguments, code, out.read_text(), errors.read_text())
