"""Training scripts that turn against the engine: its files, its supervisor, its next experiment."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

import psutil
import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.config import ResearchConfig
from engine.core.enums import DecisionKind, Outcome, StopMode, Verdict
from engine.core.records import Experiment
from engine.loop import run_monitor
from engine.loop.run_monitor import RunMonitor
from engine.protocol import commands
from tests.engine.test_ratchet import check_books, rows, run, session_of, start, until
from tests.executors.test_supervisor import begin, survivors
from tests.warm import run_warm
from tests.world import TRAIN, git, make_repository, wait_for

CHANGED = "if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) != (0.04, 0.6, 0.5, 4):\n"
SETTING = """
import ctypes, json, os, signal, sys, time
from pathlib import Path

directory = Path(os.environ["AUTORESEARCH_RUN"])
supervisor = os.getppid()

def outlive():
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # so as not to end with the supervisor

def escape():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            sleep = "import time; time.sleep(3600)"
            os.execve(sys.executable, [sys.executable, "-c", sleep, "escaped from {mark}"], {{}})
        os._exit(0)

def forge(text):
    path = directory / "exit.json"
    path.unlink(missing_ok=True)
    path.write_text(text)

report = dict(exit_code=0, signal=None, killed_by=None, started_at=time.time(), seconds=0.1)
report = json.dumps(report | dict(ended_at=time.time(), peak_rss_bytes=1, secret="x" * 64))
"""


def make_workspace(path: Path, code: str) -> Path:
    """Return a workspace whose baseline is sound, and whose every other run executes some code."""
    setting = SETTING.format(mark=path)
    body = textwrap.indent(textwrap.dedent(code), "    ")
    train = TRAIN.replace("budget = float", f"{setting}\n{CHANGED}{body}\nbudget = float")
    return make_repository(path, {"train.py": train, "prepare.py": "DATA = 1\n"})


@pytest.fixture
def place(repository: Path, engines: None) -> Path:
    """The directory of the workspace, whose engine and runs are ended after the test."""
    for file in ("train.py", "prepare.py"):
        (repository / file).unlink()
    git(repository, "update-ref", "-d", "HEAD")
    return repository


def escaped(mark: Path) -> list[psutil.Process]:
    """Return the processes that the misbehaving runs of a workspace have left behind."""
    found = []
    for process in psutil.process_iter():
        try:
            if f"escaped from {mark}" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def second(workspace: Path) -> Experiment:
    """Run the baseline and one experiment, and return the latter."""
    run(workspace, "--max", "2", "--budget", "0.05")
    check_books(workspace)
    session = session_of(workspace)
    assert session.incumbent == 1
    return session.experiment(2)


def test_a_run_that_kills_its_supervisor_and_forges_a_report_is_a_crash(place: Path) -> None:
    code = """
        outlive()
        print("val_bpb: 0.1", flush=True)
        escape()
        forge(report)
        os.kill(supervisor, signal.SIGKILL)
        while os.getppid() == supervisor:
            time.sleep(0.01)
        escape()
        time.sleep(3600)
    """
    experiment = second(make_workspace(place, code))
    assert [r.outcome for r in experiment.runs] == [Outcome.INTERRUPTED] * 3
    for one in experiment.runs:
        assert one.detail == (
            "its files are damaged: exit.json was not written by the run's supervisor"
        )
    assert experiment.verdict is Verdict.CRASH
    assert "interrupted 3 times" in experiment.verdict_reason
    assert experiment.measurement is None
    assert escaped(place) == []


DAMAGE = {
    "a pipe": "os.mkfifo(directory / 'exit.json')",
    "a list": "forge('[]')",
    "an unknown key": "forge(report[:-1] + ', \"x\": 1}')",
    "brackets": "forge('[' * 200_000)",
    "a directory": "(directory / 'exit.json').mkdir()",
}


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind == "a pipe" else pytest.param(kind, marks=pytest.mark.torture)
        for kind in DAMAGE
    ],
)
def test_damaged_files_without_a_supervisor_neither_hang_nor_end_the_engine(
    place: Path, kind: str
) -> None:
    code = f"""
        outlive()
        os.kill(supervisor, signal.SIGKILL)
        while os.getppid() == supervisor:
            time.sleep(0.01)
        {DAMAGE[kind]}
        for name in ("run.log", "alive.lock", "supervisor.log"):
            (directory / name).unlink(missing_ok=True)
            os.mkfifo(directory / name)
    """
    experiment = second(make_workspace(place, code))
    assert [r.outcome for r in experiment.runs] == [Outcome.INTERRUPTED] * 3
    assert experiment.verdict is Verdict.CRASH


def test_damaged_files_under_a_supervisor_change_nothing(place: Path) -> None:
    code = """
        for name in ("run.log", "exit.json", "alive.lock", "supervisor.log"):
            (directory / name).unlink(missing_ok=True)
            os.mkfifo(directory / name)
        MATRIX_LR = -10
    """
    experiment = second(make_workspace(place, code))
    assert [r.outcome for r in experiment.runs] == [Outcome.FINISHED]
    assert experiment.verdict is Verdict.DISCARD


def test_a_run_that_rewrites_its_log_is_not_trusted(place: Path) -> None:
    code = """
        def waits():
            status = Path(f"/proc/{supervisor}/status").read_text()
            return int(status.split("voluntary_ctxt_switches:")[1].split()[0])

        print("val_bpb: 1.5", flush=True)
        before = waits()
        while waits() < before + 3:  # the supervisor inspects the log before each wait
            time.sleep(0.02)
        os.ftruncate(1, 0)
        print("---", flush=True)
        print("val_bpb: 0.9", flush=True)
        sys.exit(0)
    """
    experiment = second(make_workspace(place, code))
    assert experiment.verdict is Verdict.DISCARD
    assert [doubt[:21] for doubt in experiment.doubts] == ["run.log was rewritten"]


@pytest.mark.parametrize("what", ["os.mkfifo(path)", "path.write_text('x')"])
def test_what_a_run_puts_in_the_way_of_the_next_costs_one_experiment(
    place: Path, what: str
) -> None:
    code = f"""
        path = directory.parent.parent / "0003"
        if not path.exists():
            {what}
        MATRIX_LR = -10
    """
    run(make_workspace(place, code), "--max", "4", "--budget", "0.05")
    session = session_of(place)
    third = session.experiment(3)
    assert len(third.step_errors) == 3
    assert third.verdict is Verdict.CRASH
    assert third.verdict_reason.startswith("3 steps for it failed, the last one: ")
    assert session.experiment(4).outcome is Outcome.FINISHED
    assert session.ended == "all 4 experiments are done"
    assert [row[3] for row in rows(place)][2] == "crash"


def test_an_experiment_is_skipped_by_hand(repository: Path, engines: None) -> None:
    run(repository, "--max", "1", "--budget", "0.05")
    # No ref of that name can be made beside it.
    git(repository, "update-ref", "refs/autoresearch/t/2/x", "HEAD")
    start(repository, "--max", "3")
    until(repository, lambda s: s.pause is not None, "the pause")
    assert not send_command(repository, commands.SkipExperiment(experiment=1)).ok
    done = run_warm("skip", "2", "its ref is taken", "-C", repository)
    assert done.returncode == 0, done.stderr
    session = until(repository, lambda s: s.counts.crash == 1, "the verdict")
    skipped = session.experiment(2)
    assert skipped.verdict_reason == "skipped by the user: its ref is taken"
    assert [d.kind for d in skipped.decisions] == [DecisionKind.SKIPPED]
    assert "skipped" in run_warm("decisions", "-C", repository).stdout
    assert send_command(repository, commands.ResumeLoop()).ok
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    assert session_of(repository).experiment(3).outcome is Outcome.FINISHED


STOPPER = """
    import os, signal, time
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)
    print("up", flush=True)
    while True:
        os.kill(os.getppid(), signal.SIGSTOP)
        time.sleep(0.001)
"""


@pytest.mark.parametrize("by", ["deadline", "request"])
def test_a_stopped_supervisor_does_not_keep_the_run_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(run_monitor, "GRACE_SECONDS", 0.3)
    handle = begin(tmp_path, STOPPER)
    wait_for(lambda: handle.log.exists() and "up" in handle.log.read_text(), "the start")
    monitor = RunMonitor(
        handle,
        ResearchConfig(),
        deadline_seconds=0.2 if by == "deadline" else 3600,
        on_progress=lambda _: None,
        on_alarm=lambda message: None,
        on_report_waits=lambda: None,
    )
    if by == "request":
        handle.kill()
    finished = asyncio.run(monitor.follow())
    # The supervisor may have woken up for long enough to obey the request.
    assert by in (finished.killed_by, finished.report and finished.report.killed_by)
    assert survivors(tmp_path) == []


def test_a_result_that_is_too_good_waits_for_the_user_and_the_loop_goes_on(place: Path) -> None:
    code = """
        if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) == (0.05, 0.6, 0.5, 4):
            print("---")
            print("val_bpb: 0.000000")
            sys.exit(0)
    """
    workspace = make_workspace(place, code)
    flags = ("--budget", "0.05", "--autonomy", "auto", "--first-hypothesis", "MATRIX_LR=0.05")
    start(workspace, "--max", "500", *flags)
    session = until(workspace, lambda s: s.held and s.counts.total > 2, "the next experiment")
    held = session.experiment(2)
    assert held.verdict is Verdict.DISCARD
    assert "the value is exactly 0" in held.surprises
    assert [e.number for e in session.held] == [2]
    assert session.incumbent != 2
    assert session.experiment(3).outcome is Outcome.FINISHED
    assert "overrule 2 keep|discard" in run_warm("queue", "-C", workspace).stdout
    no = commands.OverruleVerdict(
        experiment=2, verdict=Verdict.DISCARD, reason="it trained nothing"
    )
    assert send_command(workspace, no).message == "Experiment 2 stays discarded."
    assert send_command(workspace, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(workspace) is None, "the session's end")
    assert session_of(workspace).held == ()
    # Other programs would take the least value of a discard for the best.
    assert rows(workspace)[1][1:4] == ["0.000000", "0.0", "crash"]
    assert session_of(workspace).pending_overrules == ()
