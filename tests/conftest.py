"""What every test gets: a home, a git configuration and a runtime directory of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import TRAIN, make_repository, stop_everything


@pytest.fixture(autouse=True)
def _private_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees or writes the home, the git configuration or the sockets of whoever runs it."""
    # Short, because a socket's path may have 107 bytes; pytest's own paths are longer.
    home = Path(tempfile.mkdtemp(prefix="art-"))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_CONFIG_GLOBAL", "SSH_CONNECTION", "NO_COLOR", "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    yield
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A workspace whose training takes its whole budget; the metric depends on its knobs."""
    return make_repository(tmp_path / "work", {"train.py": TRAIN, "prepare.py": "DATA = 1\n"})


@pytest.fixture
def engines(repository: Path) -> Iterator[None]:
    """Ends whatever engine and run a test leaves behind in its repository."""
    yield
    stop_everything(repository)
