"""The engine keeps the user's keys where no other process of the user can read them."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from engine.client.sessions import engine_pid
from engine.protocol.handover import HANDOVER_FLAG, give_environment
from tests.model_server import Answer, ModelServer
from tests.world import (
    COMMAND,
    DEADLINE_SECONDS,
    TRAIN,
    make_repository,
    run_command,
    stop_everything,
    wait_for,
)

KEY = "sk-only-the-engine-knows-42"
READ = """\
import sys
pid, key = sys.argv[1], sys.argv[2].encode()
for name in ("environ", "mem", "fd/0"):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            print(name, "read", key in file.read(0 if name == "mem" else -1))
    except PermissionError:
        print(name, "refused")
"""
TAKE = """\
import os, sys
from engine.protocol.handover import hide_memory, take_environment
hide_memory()
take_environment()
print(os.environ["BIG"] == "x" * 500_000, os.environ["TEXT"], sys.stdin.read() == "")
"""

SYSTEMD_RUN = """\
#!/bin/sh
{{ echo "called with $*"; env; }} >> {seen}
while case $1 in --*) true;; *) false;; esac; do
    shift
done
exec "$@"
"""
START_WITH_SYSTEMD = """\
import sys
from pathlib import Path
from engine.client import launch
launch._LINGERING = Path(sys.argv.pop(1))
from tui.cli import main
sys.exit(main())
"""

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")


def as_user(*words: str | Path, **variables: str) -> str:
    """Run a command without root's capabilities, which permit to read every process's memory."""
    drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    done = subprocess.run(
        [*(drop if os.getuid() == 0 else ()), *map(str, words)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@linux
def test_no_process_of_the_user_reads_the_keys_of_the_engine() -> None:
    home = Path(os.environ["HOME"])
    train = TRAIN.replace('"AUTORESEARCH_TIME_BUDGET", "0.1"', '"NO_SUCH_NAME", "600"')
    workspace = make_repository(home / "w", {"train.py": train, "prepare.py": "A = 1\n"})
    words = ("start", workspace, "--yes", "--tag", "t", "--command", f"{sys.executable} train.py")
    as_user(COMMAND, *words, OPENAI_API_KEY=KEY, UNUSUAL_NAME=KEY)
    pid = engine_pid(workspace)
    assert pid is not None
    logs = ".autoresearch/t/experiments/*/run-1/run.log"
    try:
        wait_for(lambda: list(workspace.glob(logs)), "the run")
        (log,) = workspace.glob(logs)
        wait_for(lambda: "step" in log.read_text(), "the training")
        seen = as_user(sys.executable, "-c", READ, str(pid), KEY).splitlines()
        assert seen == ["environ refused", "mem refused", "fd/0 refused"]
        # Root reads everything, so the keys must not be there, nor with what the engine starts.
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        assert len(family) >= 3  # with the run's supervisor and the training process
        for process in family:
            assert KEY not in " ".join(process.cmdline())
            if os.getuid() == 0:
                assert KEY.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        stop_everything(workspace)


@pytest.mark.usefixtures("engines")
def test_the_agent_gets_its_key(repository: Path) -> None:
    """The key comes from the environment, and is in no file of the workspace."""
    with ModelServer([Answer(text="no edit")]) as server:
        words: list[str | Path] = ["start", repository, "--yes", "--tag", "t", "--budget", "0.05"]
        words += ["--model", "openai/test-model", "--api-base", server.openai]
        done = run_command(*words, env={"OPENAI_API_KEY": KEY})
        assert done.returncode == 0, done.stderr
        request = wait_for(lambda: server.requests[0] if server.requests else None, "a request")
    assert request.headers["authorization"] == f"Bearer {KEY}"


@linux
@pytest.mark.usefixtures("engines")
def test_an_engine_in_a_systemd_scope_gets_the_keys_and_systemd_does_not(
    repository: Path, tmp_path: Path
) -> None:
    """A script stands for systemd-run: like that with --scope, it becomes the command."""
    tools, runtime, lingering = tmp_path / "tools", Path(os.environ["HOME"]) / "r", tmp_path / "l"
    (runtime / "systemd" / "private").mkdir(parents=True)
    runtime.chmod(0o700)
    lingering.mkdir()
    (lingering / getpass.getuser()).touch()
    tools.mkdir()
    (tools / "systemd-run").write_text(SYSTEMD_RUN.format(seen=tmp_path / "seen"))
    (tools / "systemd-run").chmod(0o755)
    with ModelServer([Answer(text="no edit")]) as server:
        words: list[str | Path] = ["start", repository, "--yes", "--tag", "t", "--budget", "0.05"]
        words += ["--model", "openai/test-model", "--api-base", server.openai]
        done = subprocess.run(
            [sys.executable, "-c", START_WITH_SYSTEMD, str(lingering), *map(str, words)],
            env={
                **os.environ,
                "PATH": f"{tools}:{os.environ['PATH']}",
                "XDG_RUNTIME_DIR": str(runtime),
                "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus",
                "OPENAI_API_KEY": KEY,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        request = wait_for(lambda: server.requests[0] if server.requests else None, "a request")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    seen = (tmp_path / "seen").read_text()
    probe, started = (line for line in seen.splitlines() if line.startswith("called with "))
    assert probe == "called with --user --scope --quiet --collect true"
    assert started.startswith("called with --user --scope --quiet --collect --description=")
    assert " engine.server.daemon " in started
    assert seen.count("\nDBUS_SESSION_BUS_ADDRESS=unix:path=/run/bus\n") == 2
    assert KEY not in seen


@pytest.mark.usefixtures("engines")
def test_git_does_not_get_the_key(repository: Path, tmp_path: Path) -> None:
    tools, seen = tmp_path / "tools", tmp_path / "seen"
    tools.mkdir()
    seen.mkdir()
    (tools / "git").write_text(f'#!/bin/sh\nenv > {seen}/$$\nPATH="${{PATH#*:}}"\nexec git "$@"\n')
    (tools / "git").chmod(0o755)
    variables = {"OPENAI_API_KEY": KEY, "PATH": f"{tools}:{os.environ['PATH']}"}
    with ModelServer([Answer(text="no edit")]) as server:
        words: list[str | Path] = ["start", repository, "--yes", "--tag", "t", "--budget", "0.05"]
        words += ["--model", "openai/test-model", "--api-base", server.openai]
        done = run_command(*words, env=variables)
        assert done.returncode == 0, done.stderr
        request = wait_for(lambda: server.requests[0] if server.requests else None, "a request")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [path for path in seen.iterdir() if KEY in path.read_text()] == []
    assert len(list(seen.iterdir())) > 3


def test_an_environment_of_any_size_is_handed_over() -> None:
    given, taken = socket.socketpair()
    variables = {"BIG": "x" * 500_000, "TEXT": "caf\udcff"}
    sending = threading.Thread(
        target=give_environment, args=(given, variables, DEADLINE_SECONDS), daemon=True
    )
    sending.start()
    with taken:
        done = subprocess.run(
            [sys.executable, "-c", TAKE], stdin=taken.fileno(), capture_output=True, check=True
        )
    assert done.stdout == b"True caf\xff True\n"


def test_an_engine_without_its_environment_does_not_start(repository: Path) -> None:
    command = [sys.executable, "-P", "-m", "engine.server.daemon", str(repository)]
    given, taken = socket.socketpair()
    with given, taken:
        given.shutdown(socket.SHUT_WR)
        done = subprocess.run(
            [*command, HANDOVER_FLAG],
            stdin=taken.fileno(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 6
    assert "Start it again" in done.stderr
