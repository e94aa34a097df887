"""No verb and no screen runs anything of a repository before the user confirmed it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from tests.end_to_end.hostile_runs import Result, Run
from tests.end_to_end.hostile_workspaces import HOSTILE, OF_FILES
from tests.git.hostile_repositories import Repository
from tests.terminal import Window
from tests.world import COMMAND, DEADLINE_SECONDS
from tui.commands.verbs import VERBS

ARGUMENTS: dict[str, list[list[str]]] = {
    "open": [[], ["--look"], ["--continue"]],
    "demo": [["."], ["--smoke", "."]],
    "init": [["."]],
    "start": [[], ["--max", "9"], ["--new-from", "best"], ["--adopt", "t"]],
    "run": [["--headless"]],
    "baseline": [[]],
    "noise": [[]],
    "pause": [[]],
    "resume": [[]],
    "stop": [[]],
    "attach": [[]],
    "status": [[], ["--json"]],
    "watch": [[]],
    "diff": [["1"]],
    "explain": [["run.log"], ["train.py"], [".autoresearch/t/journal.jsonl"]],
    "serve": [["--port", "0"]],
    "queue": [[]],
    "approve": [["x"]],
    "veto": [["x"]],
    "edit": [["x"]],
    "pin": [["x"]],
    "ban": [["x"]],
    "note": [["x"]],
    "program": [[]],
    "autonomy": [[]],
    "kill": [[]],
    "skip": [["2"]],
    "report": [["--out", "../report", "--format", "md,html"]],
    "overrule": [["1", "keep"]],
    "confirm": [["1"]],
    "revive": [["1"]],
    "decisions": [[]],
    "merge": [[], ["--how", "squash", "--branch", "merged"]],
    "revert": [["2"]],
    "results": [[], ["--json"]],
    "replay": [[]],
    "assess": [["train.py"]],
    "check": [[], ["--log"]],
    "repair": [[], ["--yes"]],
    "notify": [[]],
    "completion": [["bash"]],
}
"""The arguments with which each verb is tried in a hostile repository, which is the directory."""

MOST_TELLING = ("start", "check", "report", "merge", "explain")
"""Verbs that read nearly all of a repository; tried in every one of them."""
EVERYTHING = ("session that ended", "programs", "env file", "pipes", "git: fsmonitor")
"""Repositories in which every verb is tried at each run of the suite."""


def test_every_verb_is_tried() -> None:
    assert set(ARGUMENTS) == {"open"} | {name for verbs in VERBS.values() for name in verbs}


def runs_of(repository: Repository, verbs: Iterable[str]) -> list[Run]:
    path = f".:{os.environ['PATH']}:"
    return [
        Run(workspace=str(repository.path), arguments=[verb, *words], path=path)
        for verb in verbs
        for words in ARGUMENTS[verb]
    ]


def execute(runs: list[Run]) -> list[Result]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.end_to_end.hostile_runs"],
        input=msgspec.json.encode(runs),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    return msgspec.json.decode(b"[" + b",".join(done.stdout.splitlines()) + b"]", type=list[Result])


def check(repository: Repository, runs: list[Run]) -> None:
    """Execute verbs in a hostile repository, and check that each leaves it alone."""
    results = execute(runs)
    assert len(results) == len(runs)
    for run, result in zip(runs, results, strict=True):
        what = f"{run.arguments}: {result}"
        assert not result.traceback, f"{run.arguments}:\n{result.traceback}"
        assert "Traceback" not in result.output, what
        for program in result.programs:
            found = shutil.which(program) or program
            assert not found.startswith((str(repository.path.parent), ".")), what
            assert Path(program).name != Path(sys.executable).name, what  # no engine was started
    assert not repository.marker.exists(), repository.marker.read_text()


def made(name: str, tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    HOSTILE[name](repository)
    return repository


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_verb_runs_anything(name: str, tmp_path: Path) -> None:
    repository = made(name, tmp_path)
    check(repository, runs_of(repository, ARGUMENTS))


_FEW = [n for n in OF_FILES if " as " not in n and n not in EVERYTHING]


@pytest.mark.parametrize("name", _FEW)
def test_the_verbs_that_read_most_run_nothing(name: str, tmp_path: Path) -> None:
    repository = made(name, tmp_path)
    check(repository, runs_of(repository, MOST_TELLING))


@pytest.mark.torture
@pytest.mark.parametrize("name", [n for n in HOSTILE if n not in EVERYTHING])
def test_no_verb_runs_anything_in_any_repository(name: str, tmp_path: Path) -> None:
    repository = made(name, tmp_path)
    check(repository, runs_of(repository, ARGUMENTS))


# ---- screens, and the installed command as the kernel sees it


def programs_in(trace: Path) -> set[str]:
    """Return the programs that were executed, by the records of strace."""
    found: set[str] = set()
    for file in trace.parent.glob(f"{trace.name}*"):
        text = file.read_text("utf-8", "replace")
        found |= set(re.findall(r'execve\("([^"]*)".*\) = 0', text))
    return found


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("name", ["session", "modules", "programs", "virtual environment"])
def test_the_installed_command_starts_only_git_and_itself(name: str, tmp_path: Path) -> None:
    repository = made(name, tmp_path)
    for verb in ("start", "check"):
        trace = tmp_path / "trace" / verb
        trace.parent.mkdir(exist_ok=True)
        subprocess.run(
            ["strace", "-ff", "-qq", "-e", "trace=execve", "-o", trace, COMMAND, verb],
            cwd=repository.path,
            env={**os.environ, "PATH": f".:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        programs = programs_in(trace)
        assert str(COMMAND) in programs
        known = ("git", "tmux", "uv", "loginctl", COMMAND.name, Path(sys.executable).name)
        for program in programs:
            assert not program.startswith((str(tmp_path), "."))
            assert Path(program).name in known, programs
    assert not repository.marker.exists(), repository.marker.read_text()


@pytest.mark.parametrize(
    ("name", "words"), [("session", []), ("programs", []), ("config alone", ["demo"])]
)
def test_the_first_screen_asks_before_anything_is_run(
    name: str, words: list[str], tmp_path: Path
) -> None:
    repository = made(name, tmp_path)
    window = Window(*words, repository.path, columns=120, rows=40)
    window.wait_for("Start with it?")
    window.press("n\r")
    assert window.wait_for_end()[0] == 130
    assert not repository.marker.exists()


def test_the_replay_of_a_hostile_session_runs_nothing(tmp_path: Path) -> None:
    repository = made("programs", tmp_path)
    window = Window("replay", repository.path, columns=120, rows=40)
    window.wait_for("REPLAY")
    window.press("\r")
    window.press("q")
    window.press("q")
    window.wait_for_end()
    assert not repository.marker.exists()
