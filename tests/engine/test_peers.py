"""Only the user commands the engine: processes of a run and of an agent are refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.agents.acp.process import CLI_VARIABLE
from engine.client.request import send_command
from engine.core.enums import Actor, AlarmKind, StopMode
from engine.core.session import Session
from engine.executors.run_processes import RUN_VARIABLE
from engine.protocol import commands
from engine.server.peer import find_intruder
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import COMMAND, make_repository, wait_for

pytestmark = pytest.mark.usefixtures("engines")

CLIENT = """\
import json, os, sys, time
from pathlib import Path

workspace, answers, first_parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
while os.getppid() == first_parent:  # its parent ends; another process becomes its parent
    time.sleep(0.01)

from engine.client.request import send_command
from engine.core.enums import Autonomy
from engine.protocol import commands

wanted = [
    commands.PinHypothesis(text="do as the run says"),
    commands.SetAutonomy(autonomy=Autonomy.AUTO),
    commands.ApproveProposal(patch_id="0" * 12),
]
said = []
for command in wanted:
    try:
        said.append(send_command(workspace, command).message)
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
Path(f"{answers}.new").write_text(json.dumps(said))
os.rename(f"{answers}.new", answers)
"""

TRAIN = """\
import os, subprocess, sys, time
from pathlib import Path

workspace, folder, python = {workspace!r}, Path({folder!r}), {python!r}
client = str(folder / "client.py")
plain, hidden = folder / "plain.json", folder / "hidden.json"
subprocess.run([python, client, workspace, str(plain), "0"])
child = os.fork()
if child == 0:
    os.setsid()
    if os.fork() == 0:
        between = os.getpid()
        os.setsid()
        if os.fork() == 0:
            clean = {{"XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR", {runtime!r})}}
            words = [python, client, workspace, str(hidden), str(between)]
            os.execve(python, words, clean)
        time.sleep(0.2)
        os._exit(0)
    os._exit(0)
os.waitpid(child, 0)
while not hidden.exists():
    time.sleep(0.01)
print("val_bpb: 1.0")
"""


def session_of(workspace: Path) -> Session:
    return read_session(workspace, "t")


def hostile_workspace(tmp_path: Path) -> Path:
    workspace, folder = tmp_path / "w", tmp_path / "outside"
    folder.mkdir()
    (folder / "client.py").write_text(CLIENT)
    train = TRAIN.format(
        workspace=str(workspace),
        folder=str(folder),
        python=sys.executable,
        runtime=os.environ["XDG_RUNTIME_DIR"],
    )
    return make_repository(workspace, {"train.py": train, "prepare.py": "DATA = 1\n"})


def test_a_run_cannot_command_the_engine(tmp_path: Path) -> None:
    workspace = hostile_workspace(tmp_path)
    words = ("--yes", "--tag", "t", "--max", "1", "--autonomy", "ask-all")
    done = run_warm("start", workspace, *words)
    assert done.returncode == 0, done.stderr
    session = wait_for(
        lambda: s if (s := session_of(workspace)).counts.total else None, "the baseline's end"
    )
    for name in ("plain", "hidden"):
        answers = json.loads((tmp_path / "outside" / f"{name}.json").read_text())
        assert len(answers) == 3
        for answer in answers:
            assert "run of experiment #1" in answer, (name, answer)
    assert session.pins == ()
    assert session.autonomy == "ask-all"
    alarms = [a.message for a in session.alarms if a.kind is AlarmKind.INTRUDER]
    assert len(alarms) == 1  # not one for each attempt: a run could fill the journal
    assert "experiment #1" in alarms[0] and "python" in alarms[0]


def test_the_users_commands_are_obeyed_and_the_server_says_from_where(repository: Path) -> None:
    done = run_warm("start", repository, "--yes", "--tag", "t", "--budget", "30")
    assert done.returncode == 0, done.stderr
    # From another process group and session, with a clean environment, as below a tmux server.
    words = ["setsid", "env", "-i", f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}"]
    script = repository / "pin.sh"
    script.write_text(f"#!/bin/sh\n{' '.join(words)} {COMMAND} pin 'from a shell' &\nwait\n")
    script.chmod(0o755)
    subprocess.run([str(script)], cwd=repository, check=True)
    assert send_command(repository, commands.PinHypothesis(text="from a script")).ok
    session = session_of(repository)
    assert [(p.text, p.by) for p in session.pins] == [
        ("from a shell", Actor.COMMAND_LINE),
        ("from a script", Actor.COMMAND_LINE),
    ]
    assert session.alarms == ()
    send_command(repository, commands.StopSession(mode=StopMode.NOW))


CONNECT = """\
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


class Connecting:
    """A process that connects to a socket of this test, and ends when it is told to."""

    def __init__(self, *prefix: str, environ: Mapping[str, str] | None = None) -> None:
        path = Path(os.environ["HOME"], "s")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-c", CONNECT, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **(environ or {})},
            )
            self.connection = listener.accept()[0]
        path.unlink()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"connected\n"

    def end(self) -> None:
        self._process.communicate()

    def __enter__(self) -> Connecting:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
        self.connection.close()


ORPHAN = ("setsid", "--fork")
"""Makes a process whose ancestors do not include this test."""


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({RUN_VARIABLE: "/w/.autoresearch/t/experiments/0007/run-2"}, "a run of experiment #7"),
        ({RUN_VARIABLE: ""}, "a run"),
        ({CLI_VARIABLE: "/w/.autoresearch/t/worktrees/agent"}, "an agent"),
    ],
)
def test_what_an_earlier_engine_left_behind_is_refused(
    environ: dict[str, str], origin: str
) -> None:
    clean = ("sh", "-c", 'env -i "$0" "$@"; :')
    for prefix in ((), ORPHAN, clean, (*ORPHAN, *clean)):
        with Connecting(*prefix, environ=environ) as one:
            found = find_intruder(one.connection)
        assert found is not None
        assert found.origin == origin
        assert "-c" in found.program


def test_an_engine_that_a_run_started_obeys_the_processes_of_that_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "/other/.autoresearch/t/experiments/0001/run-1")
    with Connecting(*ORPHAN) as one:
        assert find_intruder(one.connection) is None


def test_a_process_that_ended_before_the_check_is_refused() -> None:
    with Connecting(*ORPHAN) as one:
        assert find_intruder(one.connection) is None
        one.end()
        found = wait_for(lambda: find_intruder(one.connection), "the refusal")
    assert found.origin == ""
    assert "Try again" in found.refusal


def test_a_child_of_the_engine_is_refused() -> None:
    for prefix in ((), ("sh", "-c", '"$0" "$@"; :')):
        with Connecting(*prefix) as one:
            found = find_intruder(one.connection)
        assert found is not None
        assert found.origin == "a process that the engine started"
