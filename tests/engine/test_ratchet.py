"""The ratchet for real: an engine process, git, training processes, a socket."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.client.request import send_command
from engine.client.sessions import details, engine_pid
from engine.core.enums import Outcome, StopMode, Verdict
from engine.core.events import Paused, RunAdopted
from engine.core.layout import Layout
from engine.core.session import Session
from engine.executors.local import RunHandle
from engine.protocol import commands
from tests.journals import read_journal, read_session
from tests.warm import run_warm
from tests.world import TRAIN, Gate, git, make_repository, stop_everything, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def run(workspace: Path, *flags: str, code: int = 0) -> str:
    """`run --headless` to its end."""
    done = run_warm("run", workspace, "--headless", "--yes", "--tag", "t", *flags)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def start(workspace: Path, *flags: str) -> int:
    """`start`, detached; gives the engine's pid."""
    done = run_warm("start", workspace, "--yes", "--tag", "t", *flags)
    assert done.returncode == 0, done.stderr
    pid = engine_pid(workspace)
    assert pid is not None
    return pid


def session_of(workspace: Path) -> Session:
    return read_session(workspace, "t")


def rows(workspace: Path, name: str = "results.tsv") -> list[list[str]]:
    return [line.split("\t") for line in (workspace / name).read_text().splitlines()[1:]]


def until(workspace: Path, question: Callable[[Session], Any], what: str) -> Session:
    """The session as soon as something is true of it, read from the journal."""

    def look() -> Session | None:
        session = session_of(workspace)
        return session if question(session) else None

    return wait_for(look, what)


def check_books(workspace: Path) -> None:
    """What must hold after any session, however it was interrupted."""
    session = session_of(workspace)
    finished = [e for e in session.experiments if e.verdict is not None]
    table = rows(workspace, session.results_file)
    assert [r[0] for r in table] == [e.commit[:7] for e in finished]
    assert [r[3] for r in table] == [e.verdict.value for e in finished if e.verdict]
    best = session.config.direction
    incumbent: float | None = None
    frontier = session.base_commit
    for e in finished:
        assert git(workspace, "rev-parse", f"refs/autoresearch/t/{e.number}") == e.commit
        if e.verdict is Verdict.KEEP:
            assert e.measurement is not None
            value = e.measurement.metric
            assert incumbent is None or best.gain(value, incumbent) > 0
            incumbent = value
            if e.number > 1:
                assert git(workspace, "rev-parse", f"{e.commit}^") == frontier
            frontier = e.commit
    assert git(workspace, "rev-parse", "autoresearch/t") == frontier == session.frontier
    assert len(git(workspace, "rev-list", "autoresearch/t", "^main").split()) == sum(
        e.verdict is Verdict.KEEP for e in finished[1:]
    )


def test_experiments_are_run_kept_and_recorded(repository: Path) -> None:
    (repository / "train.py").write_text(TRAIN + "\n# not committed\n")
    (repository / "notes.md").write_text("mine")
    out = run(repository, "--max", "8", "--budget", "0.1")
    session = session_of(repository)
    check_books(repository)
    assert session.counts.total == 8
    assert session.counts.keep >= 2
    assert "not part of the experiments" in out
    assert session.ended == "all 8 experiments are done"
    first = session.experiment(1)
    assert first.measurement is not None
    assert first.measurement.memory_gb == 0.5
    assert first.run is not None
    assert first.run.curve[-1].loss == 3.0
    # The user's files are as they were, and git sees no file of the engine.
    assert (repository / "train.py").read_text().endswith("# not committed\n")
    assert set(git(repository, "status", "--porcelain").split()) == {
        "M",
        "train.py",
        "??",
        "notes.md",
    }
    assert "val_bpb:" in (repository / "run.log").read_text()


def test_artifacts_of_every_experiment_are_kept(repository: Path) -> None:
    run(repository, "--max", "3", "--budget", "0.05")
    texts = details(repository, "t", 2)
    assert texts.patch.startswith("--- a/train.py")
    assert "no language model" in texts.reasoning
    directory = Layout(repository, "t").run(2, 1)
    assert (directory / "run.log").exists()
    assert (directory / "exit.json").exists()
    shown = run_warm("diff", "2", "-C", repository)
    assert texts.patch.splitlines()[-1] in shown.stdout


UNSTABLE = """\
if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) != (0.04, 0.6, 0.5, 4):
    raise ValueError("unstable")
"""
BROKEN_IF_TRIED = TRAIN.replace("budget = float", UNSTABLE + "budget = float")


def test_a_crash_is_recorded_and_never_best_and_five_of_the_same_pause(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": BROKEN_IF_TRIED})
    start(workspace, "--max", "8", "--budget", "0.05")
    session = until(workspace, lambda s: s.pause, "the pause")
    check_books(workspace)
    crashed = [e for e in session.experiments if e.verdict is Verdict.CRASH]
    assert len(crashed) == 5
    assert session.pause is not None
    same = "the last 5 experiments ended in the same error: ValueError: unstable"
    assert session.pause.reason == same
    send_command(workspace, commands.ResumeLoop())
    session = until(workspace, lambda s: s.ended, "the end")
    assert session.counts.total == 8
    for e in crashed:
        assert e.outcome is Outcome.CODE_CRASH
        assert e.run is not None
        assert "ValueError: unstable" in e.run.detail
    for row in rows(workspace):
        assert (row[3] == "crash") == (row[1] == "0.000000")


LARGE = """\
DEPTH = 4
if DEVICE_BATCH_SIZE > 4 and (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO) != (0.04, 0.6, 0.5):
    raise MemoryError
"""
HUNGRY = TRAIN.replace("DEPTH = 4  # layers", "DEVICE_BATCH_SIZE = 8  # sequences").replace(
    "budget = float", LARGE + "budget = float"
)


def test_out_of_memory_is_tried_again_with_half_the_batch(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": HUNGRY})
    # One that fits with half the batch, whatever the search comes to after it.
    first = ("--first-hypothesis", "MATRIX_LR=0.05")
    run(workspace, "--max", "10", "--budget", "0.05", *first)
    check_books(workspace)
    retried = [e for e in session_of(workspace).experiments if e.revised_after]
    assert retried
    for e in retried:
        assert len(e.runs) == 2  # once more, and no oftener
        assert e.runs[0].outcome is Outcome.OUT_OF_MEMORY
        assert "ran out of memory" in e.proposal.hypothesis
        before = _batch(git(workspace, "show", f"{e.ref}-run-1:train.py"))
        assert _batch(git(workspace, "show", f"{e.commit}:train.py")) == before // 2
    assert any(e.runs[1].outcome is Outcome.FINISHED for e in retried)


def _batch(source: str) -> int:
    (line,) = (x for x in source.splitlines() if x.startswith("DEVICE_BATCH_SIZE ="))
    return int(line.split()[2])


def test_a_metric_that_never_appears(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": 'print("hello: 1")\n'})
    out = run(workspace, "--metric", "val_bpb", code=7)
    assert "val_bpb" in out
    assert "Traceback" not in out
    assert session_of(workspace).counts.total == 0


def test_a_missing_command_pauses_and_uses_up_nothing(repository: Path) -> None:
    run(repository, "--command", "no-such-trainer train.py", code=7)
    session = session_of(repository)
    assert session.counts.total == 0
    assert session.experiment(1).outcome is Outcome.ENVIRONMENT
    assert not (repository / "results.tsv").exists()


def test_a_run_that_changes_a_locked_file_is_not_trusted(tmp_path: Path) -> None:
    cheat = f"{TRAIN}if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) != (0.04, 0.6, 0.5, 4):\n"
    cheat += "    open('prepare.py', 'a').write('# easier')\n"
    workspace = make_repository(
        tmp_path / "w", {"train.py": "import prepare\n" + cheat, "prepare.py": "DATA = 1\n"}
    )
    run(workspace, "--max", "8", "--budget", "0.05")
    check_books(workspace)
    doubted = [e for e in session_of(workspace).experiments if e.doubts]
    assert doubted
    assert all(e.verdict is Verdict.DISCARD for e in doubted)
    assert (workspace / "prepare.py").read_text() == "DATA = 1\n"


def test_the_session_goes_on_with_a_higher_limit(repository: Path) -> None:
    run(repository, "--max", "2", "--budget", "0.05")
    assert "higher --max" in run(repository, code=2)
    run(repository, "--max", "4")
    assert session_of(repository).counts.total == 4
    check_books(repository)
    refused = run_warm("run", repository, "--headless", "--yes", "--tag", "t", "--metric", "x")
    assert refused.returncode == 2
    assert "--metric" in refused.stderr


def test_pause_resume_kill_and_stop(repository: Path) -> None:
    start(repository, "--budget", "600")
    until(repository, lambda s: s.running is not None, "the baseline's run")
    assert "after this run" in send_command(repository, commands.PauseLoop()).message
    refused = send_command(repository, commands.KillRun(experiment=7))
    assert not refused.ok
    assert send_command(repository, commands.KillRun(experiment=1)).ok
    session = until(repository, lambda s: s.running is None, "the run's end")
    assert session.experiment(1).outcome is Outcome.INTERRUPTED
    assert send_command(repository, commands.ResumeLoop()).ok
    assert send_command(repository, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    assert session_of(repository).ended is not None


def test_an_engine_killed_in_a_run_is_succeeded_by_one_that_adopts_it(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    pid = start(repository, "--budget", "0.05", "--max", "2")
    session = until(repository, lambda s: s.running is not None, "the baseline's run")
    assert session.running is not None
    handle = RunHandle(repository / session.running.directory)
    wait_for(lambda: handle.pid, "the supervisor")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    start(repository)
    until(repository, lambda s: bool(adopted(repository)), "the next engine to adopt the run")
    gate.open()
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    session = session_of(repository)
    assert session.counts.total == 2
    assert len(session.experiment(1).runs) == 1
    assert adopted(repository) == [1]
    check_books(repository)


def adopted(workspace: Path) -> list[int]:
    """Return the numbers of the experiments whose runs an engine adopted."""
    events = read_journal(Layout(workspace, "t").journal)
    return [e.experiment for e in events if isinstance(e, RunAdopted)]


def test_a_run_that_ended_while_no_engine_was_there_is_counted(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    pid = start(repository, "--budget", "0.05", "--max", "1")
    session = until(repository, lambda s: s.running is not None, "the baseline's run")
    assert session.running is not None
    handle = RunHandle(repository / session.running.directory)
    wait_for(lambda: handle.pid, "the supervisor")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    gate.open()
    ended = repository / session.running.directory / "exit.json"
    wait_for(ended.exists, "the run's end without an engine")
    run(repository)
    assert session_of(repository).counts.keep == 1
    check_books(repository)


def test_two_engines_and_a_socket_in_the_way(repository: Path) -> None:
    start(repository, "--budget", "600")
    second = run_warm("start", repository, "--yes")
    assert second.returncode == 5
    assert "already" in second.stderr
    stop_everything(repository)
    # What a killed engine leaves in the way is taken over.
    assert run_warm("status", "-C", repository).returncode == 0
    start(repository)


def test_results_that_are_not_ours_are_left_alone(repository: Path) -> None:
    (repository / "results.tsv").write_text("my,own,table\n")
    out = run(repository, "--max", "2", "--budget", "0.05")
    assert "results-t.tsv" in out
    assert (repository / "results.tsv").read_text() == "my,own,table\n"
    assert len(rows(repository, "results-t.tsv")) == 2
    check_books(repository)


def test_a_branch_of_that_name_is_refused(repository: Path) -> None:
    git(repository, "branch", "autoresearch/t")
    out = run(repository, code=3)
    assert "exists already" in out
    git(repository, "branch", "-D", "autoresearch/t")
    run(repository, "--max", "1", "--budget", "0.05")


READS_DATA = """\
import pathlib

SCALE = 1.0
print("val_bpb:", len(pathlib.Path("data/t.txt").read_text()))
"""


def test_untracked_data_is_there_for_the_run(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "with space", {"train.py": READS_DATA})
    (workspace / "data").mkdir()
    (workspace / "data/t.txt").write_text("12345")
    run(workspace, "--max", "1")
    assert session_of(workspace).best_metric == 5.0


@pytest.mark.parametrize("moments", [4])
def test_kill_9_at_any_moment_loses_nothing(repository: Path, moments: int) -> None:
    kill_again_and_again(repository, moments, experiments=6)


@pytest.mark.torture
def test_kill_9_at_sixty_moments_loses_nothing(repository: Path) -> None:
    kill_again_and_again(repository, 60, experiments=70)


def kill_again_and_again(workspace: Path, times: int, experiments: int) -> None:
    """Kill the engine at moments spread over its steps, then let it finish and check the books."""
    start(workspace, "--budget", "0.05", "--max", str(experiments))
    journal = Layout(workspace, "t").journal
    for moment in range(times):
        seen = journal.stat().st_size
        # A few more bytes of journal each time: every event is a moment to be killed after.
        wanted = seen + 150 * (moment % 13)

        def far_enough(wanted: int = wanted) -> bool:
            return journal.stat().st_size > wanted or engine_pid(workspace) is None

        wait_for(far_enough, "more events")
        pid = engine_pid(workspace)
        if pid is None:
            break
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: engine_pid(workspace) is None, "the engine's end")
        done = run_warm("start", workspace, "--yes")
        assert done.returncode == 0, done.stderr
    wait_for(lambda: engine_pid(workspace) is None, "the session's end")
    assert session_of(workspace).counts.total == experiments
    check_books(workspace)


NAN_ON_THE_WAY = TRAIN.replace(
    "loss: {4 - share:.4f}", "loss: {'nan' if share < 0.5 else 1}"
).replace("peak_vram_mb:     512.0", "peak_vram_mb:     nan")


def test_a_nan_on_the_way_does_not_spoil_the_journal(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": NAN_ON_THE_WAY})
    run(workspace, "--max", "2", "--budget", "0.2")
    check_books(workspace)
    assert session_of(workspace).counts.total == 2


def test_a_killed_baseline_is_run_again_and_nothing_takes_its_place(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    start(repository, "--budget", "0.05", "--max", "2")
    until(repository, lambda s: s.running is not None, "the baseline's run")
    assert send_command(repository, commands.KillRun(experiment=1)).ok
    session = until(repository, lambda s: s.pause is not None, "the pause")
    assert session.counts.total == 0
    gate.open()
    assert send_command(repository, commands.ResumeLoop()).ok
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    check_books(repository)
    first = session_of(repository).experiment(1)
    assert [r.outcome for r in first.runs] == [Outcome.INTERRUPTED, Outcome.FINISHED]


def test_a_result_that_is_gone_is_measured_by_another_run(repository: Path) -> None:
    run(repository, "--max", "2", "--budget", "0.05")
    layout = Layout(repository, "t")
    lines = layout.journal.read_bytes().splitlines(True)
    ended = max(i for i, line in enumerate(lines) if b'"RunEnded"' in line)
    layout.journal.write_bytes(b"".join(lines[: ended + 1]))
    table = (repository / "results.tsv").read_text().splitlines(True)
    (repository / "results.tsv").write_text("".join(table[:2]))
    number = session_of(repository).experiments[-1].number
    for path in layout.run(number, 1).iterdir():
        path.unlink()
    git(repository, "update-ref", "refs/heads/autoresearch/t", session_of(repository).frontier)
    run(repository)
    check_books(repository)
    assert len(session_of(repository).experiment(number).runs) == 2


def test_a_step_that_fails_waits_for_a_person_and_does_not_spin(repository: Path) -> None:
    run(repository, "--max", "1", "--budget", "0.05")
    (repository / "results.tsv").rename(repository / "kept.tsv")
    (repository / "results.tsv").mkdir()
    start(repository, "--max", "2")
    session = until(repository, lambda s: s.pause is not None, "the pause")
    assert session.pause is not None
    assert "results.tsv" in session.pause.reason
    assert send_command(repository, commands.CancelStop()).ok
    # The step is not tried again: each attempt would be another pause in the journal.
    pauses = [e for e in read_journal(Layout(repository, "t").journal) if isinstance(e, Paused)]
    assert len(pauses) == 1
    (repository / "results.tsv").rmdir()
    (repository / "kept.tsv").rename(repository / "results.tsv")
    assert send_command(repository, commands.ResumeLoop()).ok
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    check_books(repository)


def test_strays_of_a_killed_supervisor_die_before_the_next_run(
    repository: Path, tmp_path: Path
) -> None:
    import psutil

    # The first run trains until it is killed, the second one as long as it may.
    gate = Gate(repository, tmp_path / "gate")
    command = "sh -c 'python3 train.py; true'"
    start(repository, "--budget", "0.05", "--max", "1", "--command", command)
    session = until(repository, lambda s: s.running is not None, "the baseline's run")
    assert session.running is not None
    handle = RunHandle(repository / session.running.directory)
    pid = wait_for(lambda: handle.pid, "the supervisor")
    tree = wait_for(
        lambda: found if len(found := psutil.Process(pid).children(recursive=True)) >= 2 else None,
        "the tree",
    )
    os.kill(pid, signal.SIGKILL)
    gate.open()
    until(repository, lambda s: len(s.experiment(1).runs) == 2, "the second run")
    assert not [p for p in tree if p.is_running() and p.status() != "zombie"]
    wait_for(lambda: engine_pid(repository) is None, "the session's end")
    check_books(repository)


def test_hooks_of_the_person_do_not_run(repository: Path) -> None:
    for name in ("post-checkout", "pre-commit", "reference-transaction"):
        hook = repository / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch hook-was-here; exit 1\n")
        hook.chmod(0o755)
    run(repository, "--max", "3", "--budget", "0.05")
    check_books(repository)
    assert not list(repository.rglob("hook-was-here"))


def test_a_branch_checked_out_elsewhere_is_not_moved(repository: Path, tmp_path: Path) -> None:
    run(repository, "--max", "1", "--budget", "0.05")
    git(repository, "worktree", "add", "-q", str(tmp_path / "look"), "autoresearch/t")
    start(repository, "--max", "12")
    until(repository, lambda s: s.pause is not None, "the pause at the first keep")
    assert git(tmp_path / "look", "status", "--porcelain") == ""


def test_what_the_numbers_mean_cannot_be_edited_and_limits_can(repository: Path) -> None:
    run(repository, "--max", "1", "--budget", "0.05")
    config = repository / ".autoresearch/config.toml"
    text = config.read_text()
    config.write_text(text.replace("silence_seconds = 600.0", "silence_seconds = 77.0"))
    run(repository, "--max", "2")
    assert session_of(repository).config.silence_seconds == 77.0
    config.write_text(config.read_text().replace('metric = "val_bpb"', 'metric = "loss"'))
    assert "metric" in run(repository, "--max", "3", code=4)
