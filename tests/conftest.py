"""Fixtures of the whole suite, and the order in which its tests run.

Every test gets a home, a git configuration and a runtime directory of its own, and no network.
"""

from __future__ import annotations

import functools
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from engine.client import launch
from tests.warm import spawn_warm_engine, warm_server
from tests.world import TRAIN, end_engines, make_repository, stop_everything

# Bytecode is kept also where the user's environment says otherwise: hundreds of processes import
# the same modules, and each worker would compile and rewrite every test module at each start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Always the same examples, however long one takes: a run of the suite depends neither on luck nor
# on the machine. `make torture` looks for new ones, and for many more.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "torture",
    parent=settings.get_profile("suite"),
    derandomize=False,
    database=None,
    max_examples=500,
)
settings.load_profile("suite")


_THIS_MACHINE = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", socket.gethostname())

LONG_FIRST = ("benchmarks", "mutation", "end_to_end", "engine", "harness")
"""Directories whose tests take longest: begun first, so that no worker is left with one alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest."""
    here = Path(__file__).parent
    ranks = {name: rank for rank, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(here).parts[0], len(ranks)))


def pytest_collection_finish() -> None:
    """Keep modules and collected tests out of garbage collections, a tenth of the suite's time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _private_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep a test away from the home, the git configuration and the sockets of the user."""
    # Short, because a socket's path may have 107 bytes; pytest's own paths are longer.
    home = Path(tempfile.mkdtemp(prefix="art-"))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # `python` may be a script that looks for the version to start, which takes longer than a test.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    monkeypatch.setenv("PATH", path)
    for name in ("GIT_CONFIG_GLOBAL", "SSH_CONNECTION", "NO_COLOR", "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    yield
    end_engines()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that looks up the address of another machine, even if it catches the error."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _THIS_MACHINE and not name.endswith(".invalid"):
            asked.append(name)
            raise socket.gaierror(socket.EAI_NONAME, f"a test may not ask for {name}")
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    assert asked == []


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Let Ctrl+C and hang-ups reach the processes of a test, also where this one ignores them.

    A suite that runs under `nohup` or in the background of a script ignores them.
    """
    signals = (signal.SIGINT, signal.SIGHUP)
    ignored = [number for number in signals if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a workspace whose training takes its whole budget; its knobs determine the metric."""
    return make_repository(tmp_path / "work", {"train.py": TRAIN, "prepare.py": "DATA = 1\n"})


@pytest.fixture
def warm_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the engines that verbs start in the test's own process, see `tests.warm`."""
    spawn = functools.partial(spawn_warm_engine, warm_server())
    monkeypatch.setattr(launch, "spawn_engine", spawn)


@pytest.fixture
def engines(repository: Path) -> Iterator[None]:
    """End the engine and the runs that a test leaves behind in its repository."""
    yield
    stop_everything(repository)
