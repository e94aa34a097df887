"""Data that changes in mid-session begins a new evaluation epoch; nothing is compared across."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core import events as ev
from engine.core.analysis.leaderboard import leaderboard
from engine.core.analysis.noise import noise_of
from engine.core.enums import AlarmKind, Outcome, RunPurpose, Verdict
from engine.core.layout import Layout
from engine.protocol import commands
from engine.store.journal import read_journal
from tests.engine.test_ratchet import run, session_of, start, until
from tests.world import TRAIN, Gate, make_repository, wait_for

pytestmark = pytest.mark.usefixtures("engines")

READS = """\
from prepare import evaluate
"""
PREPARE = """\
import os

DATA = os.environ.get("DATA_DIRECTORY", {data!r})

def evaluate():
    with open(os.path.join(DATA, "val.txt")) as file:
        return float(file.read())
"""


def workspace_with_data(tmp_path: Path) -> tuple[Path, Path]:
    """A workspace whose locked harness reads the metric's offset from a file outside it."""
    data = tmp_path / "cache" / "data"
    data.mkdir(parents=True)
    (data / "val.txt").write_text("1.0\n")
    train = READS + TRAIN.replace("loss = 1 + ", "loss = evaluate() + ")
    files = {"train.py": train, "prepare.py": PREPARE.format(data=str(data))}
    return make_repository(tmp_path / "w", files), data


def events_of(workspace: Path) -> list[ev.AnyEvent]:
    return list(read_journal(Layout(workspace, "t").journal))


def test_the_baseline_tells_which_data_counts(tmp_path: Path) -> None:
    workspace, _ = workspace_with_data(tmp_path)
    run(workspace, "--max", "2", "--budget", "0.05")
    session = session_of(workspace)
    (epoch,) = session.epochs
    assert (epoch.epoch, epoch.files, epoch.total_bytes) == (1, 1, 4)
    assert epoch.unseen == "" and epoch.digest
    assert all(e.epoch == 1 for e in session.experiments)
    assert not [a for a in session.alarms if a.kind is AlarmKind.EPOCH]


def test_data_changed_between_runs_begins_an_epoch(tmp_path: Path) -> None:
    workspace, data = workspace_with_data(tmp_path)
    run(workspace, "--max", "3", "--budget", "0.05")
    before = session_of(workspace)
    (data / "val.txt").write_text("0.2\n")
    run(workspace, "--max", "5", "--budget", "0.05")
    session = session_of(workspace)
    assert session.epoch == 2
    (change,) = session.epochs[1].changes
    assert change == f"{data}/val.txt has another content"
    alarms = [a for a in session.alarms if a.kind is AlarmKind.EPOCH]
    assert len(alarms) == 1 and "has changed: " in alarms[0].message
    assert "val.txt" in alarms[0].message
    # The incumbent was run again in the new epoch before the experiment's own run.
    assert before.incumbent is not None and before.best_metric is not None
    again = session.experiment(before.incumbent).runs[-1]
    assert (again.purpose, again.epoch) == (RunPurpose.FRESH, 2)
    assert again.metric == pytest.approx(before.best_metric - 0.8, abs=1e-9)
    fourth = session.experiment(4).run
    assert fourth is not None and again.ended_at is not None
    assert again.ended_at <= fourth.started_at
    # Every verdict of the new epoch compares values of the new epoch.
    for e in session.experiments[3:]:
        assert e.epoch == 2 and e.gain is not None and abs(e.gain) < 0.5
    assert session.total_gain is not None and session.total_gain < 0.5
    assert len((workspace / "results.tsv").read_text().splitlines()) == 6


def test_data_changed_while_a_run_trains_voids_the_run(tmp_path: Path) -> None:
    workspace, data = workspace_with_data(tmp_path)
    gate = Gate(workspace, tmp_path / "gate")
    gate.let_pass(1)
    gate.let_pass(2)  # the first is the probe's
    start(workspace, "--max", "2", "--budget", "0.05")
    until(workspace, lambda s: s.running is not None and len(s.experiments) == 2, "run 2")
    (data / "val.txt").write_text("0.2\n")
    gate.open()
    wait_for(lambda: engine_pid(workspace) is None, "the session's end")
    session = session_of(workspace)
    second = session.experiment(2)
    assert [r.outcome for r in second.runs] == [
        Outcome.INTERRUPTED,
        Outcome.FINISHED,
    ]
    assert "changed while it ran" in second.runs[0].detail
    assert session.experiment(1).runs[-1].epoch == 2
    assert second.epoch == session.epoch == 2
    assert second.gain is not None and abs(second.gain) < 0.5


def test_an_incumbent_that_cannot_be_measured_again_pauses(tmp_path: Path) -> None:
    workspace, data = workspace_with_data(tmp_path)
    run(workspace, "--max", "2", "--budget", "0.05")
    (data / "val.txt").write_text("not a number\n")
    start(workspace, "--max", "3")
    paused = until(workspace, lambda s: s.pause is not None, "the pause").pause
    assert paused is not None
    assert "in evaluation epoch 2 failed 3 times" in paused.reason
    assert "could not convert string" in paused.reason
    (data / "val.txt").write_text("1.5\n")
    assert send_command(workspace, commands.ResumeLoop()).ok
    wait_for(lambda: engine_pid(workspace) is None, "the session's end")
    session = session_of(workspace)
    assert session.epoch == 3
    third = session.experiment(3)
    assert third.verdict in (Verdict.KEEP, Verdict.DISCARD) and third.epoch == 3


def test_a_touched_file_with_the_same_content_changes_nothing(tmp_path: Path) -> None:
    workspace, data = workspace_with_data(tmp_path)
    run(workspace, "--max", "2", "--budget", "0.05")
    (data / "val.txt").write_text("1.0\n")
    run(workspace, "--max", "3", "--budget", "0.05")
    assert session_of(workspace).epoch == 1


def test_nothing_is_compared_across_epochs(tmp_path: Path) -> None:
    workspace, data = workspace_with_data(tmp_path)
    run(workspace, "--max", "3", "--budget", "0.05")
    (data / "val.txt").write_text("0.2\n")
    done = run(workspace, "--max", "5", "--budget", "0.05")
    session = session_of(workspace)
    best = session.best
    assert best is not None and best.value is not None
    # The leaderboard has the values of this epoch only, and its gains are since it began.
    board = leaderboard(session)
    assert session.reference is not None and session.reference < 0.7
    assert all(
        place.gain == pytest.approx(session.reference - place.value) for place in board.places
    )
    measured = {e.number for e in session.experiments if e.epoch == 2}
    assert {place.number for place in board.places} == measured
    # No σ comes from one run before and one after.
    assert noise_of(session) is None
    assert "since evaluation epoch 2 began" in done


def test_the_rule_confirm_measures_the_incumbent_again_as_often_as_it_needs(
    tmp_path: Path,
) -> None:
    workspace, data = workspace_with_data(tmp_path)
    flags = ("--budget", "0.05", "--rule", "confirm", "--closing", "0")
    run(workspace, "--max", "2", *flags)
    (data / "val.txt").write_text("0.2\n")
    run(workspace, "--max", "3", "--rule", "confirm")
    session = session_of(workspace)
    assert session.epoch == 2
    third = session.experiment(3)
    assert third.epoch == 2 and third.gain is not None and abs(third.gain) < 0.5


FORGING = """\
if (MATRIX_LR, EMBEDDING_LR, WARMDOWN_RATIO, DEPTH) != (0.04, 0.6, 0.5, 4):
    with open("val.txt", "w") as file:
        file.write("0.1")
"""


def test_a_run_that_writes_its_copy_of_the_data_is_doubted(tmp_path: Path) -> None:
    train = READS + TRAIN.replace("loss = 1 + ", "loss = evaluate() + ")
    train = train.replace("budget = float", f"{FORGING}\nbudget = float")
    prepare = "def evaluate():\n    return float(open('val.txt').read())\n"
    workspace = make_repository(tmp_path / "w", {"train.py": train, "prepare.py": prepare})
    (workspace / "val.txt").write_text("1.0")  # not tracked: each run gets a copy
    run(workspace, "--max", "2", "--budget", "0.05")
    session = session_of(workspace)
    second = session.experiment(2)
    assert second.doubts == (f"{workspace}/val.txt was changed during the run",)
    assert second.verdict is Verdict.DISCARD and session.epoch == 1
    assert (workspace / "val.txt").read_text() == "1.0"
