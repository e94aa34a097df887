"""The keep rule `confirm` for real: repeats, the incumbent's runs, and the closing measurement."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.sessions import read_session
from engine.core.enums import AlarmKind, RunPurpose, Verdict
from engine.core.events import RunStarted
from engine.core.records import Experiment
from engine.core.session import Session
from engine.store.journal import read_journal
from tests.warm import run_warm
from tests.world import make_repository, stop_everything, wait_for

pytestmark = pytest.mark.usefixtures("warm_engines")

TRAIN = """\
import pathlib

MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
WARMDOWN_RATIO = 0.5

place = pathlib.Path({runs!r})
number = len(place.read_text()) if place.exists() else 0
place.write_text("x" * (number + 1))
noise = (0.3, -0.2, 0.1, -0.3, 0.2, -0.1)[number % 6]
print("---")
print(f"val_bpb: {{1 + {effect} + 0.001 * noise:.6f}}")
"""


def night(path: Path, effect: str, *flags: str) -> Session:
    """Run a session of the search agent over a script with a known noise and effect."""
    train = TRAIN.format(runs=str(path / "runs"), effect=effect)
    workspace = make_repository(path / "work", {"train.py": train})
    done = run_warm(
        *("run", workspace, "--headless", "--yes", "--tag", "t", "--no-probe", "--rule", "confirm"),
        *("--command", f"{sys.executable} train.py", *flags),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read_session(workspace, "t")


def test_edits_without_effect_are_discarded_and_the_baseline_is_run_thrice(tmp_path: Path) -> None:
    session = night(tmp_path, "0", "--max", "5")
    baseline, *others = session.experiments
    assert len(baseline.values(RunPurpose.TRIAL)) == 3
    assert [e.verdict for e in others] == [Verdict.DISCARD] * 4
    rows = (tmp_path / "work" / "results.tsv").read_text().splitlines()[1:]
    assert len(rows) == 5
    assert rows[0].split("\t")[1] == f"{sum(baseline.values(RunPurpose.TRIAL)) / 3:.6f}"
    # No final version differs from the baseline, so that there is nothing to measure at the end.
    assert not any(e.values(RunPurpose.CLOSING) for e in session.experiments)


def test_an_edit_with_an_effect_is_repeated_kept_and_measured_at_the_end(tmp_path: Path) -> None:
    effect = "abs(MATRIX_LR - 0.08) + abs(EMBEDDING_LR - 1.2)"
    session = night(tmp_path, effect, "--max", "6")
    kept = [e for e in session.experiments if e.verdict is Verdict.KEEP and not e.is_baseline]
    assert kept
    assert all(len(e.values(RunPurpose.TRIAL)) >= 2 for e in kept)
    best = session.best
    assert best is not None and best.number == kept[-1].number
    fresh = best.values(RunPurpose.FRESH)
    assert best.value == pytest.approx(sum(fresh) / len(fresh) if fresh else best.value)
    for e in (session.experiments[0], best):
        assert len(e.values(RunPurpose.CLOSING)) == 2
    journal = tmp_path / "work" / ".autoresearch" / "t" / "journal.jsonl"
    started = [e for e in read_journal(journal) if isinstance(e, RunStarted)]
    closing = [e.experiment for e in started if e.purpose is RunPurpose.CLOSING]
    assert closing == [1, best.number] * 2
    # One row for each experiment, however often it was run.
    rows = (tmp_path / "work" / "results.tsv").read_text().splitlines()[1:]
    assert len(rows) == len(session.experiments)


def test_the_test_of_an_indecisive_edit_goes_on_when_the_user_asks(tmp_path: Path) -> None:
    # The only edit with an effect gains little more than σ: one repeat is too few to tell.
    effect = "-0.0003 * (MATRIX_LR == 0.08)"
    flags = ("--repeats", "1", "--closing", "0", "--agent", "search")
    session = night(tmp_path, effect, "--max", "2", "--first-hypothesis", "MATRIX_LR=0.08", *flags)
    second = session.experiment(2)
    assert (second.verdict, second.indecisive) == (Verdict.DISCARD, True), second.verdict_reason
    workspace = tmp_path / "work"
    again = ("start", workspace, "--yes", "--max", "40", "--repeats", "8", "--rule", "confirm")
    assert run_warm(*again).returncode == 0
    assert run_warm("confirm", "2", "-C", workspace).returncode == 0
    later = wait_for(lambda: _confirmation(workspace), "experiment 2 is kept, or discarded again")
    assert later.verdict is Verdict.KEEP, later.verdict_reason
    wait_for(lambda: _is_on_the_branch(workspace, second.commit), "its commit is on the branch")
    stop_everything(workspace)


def _confirmation(workspace: Path) -> Experiment | None:
    found = [e for e in read_session(workspace, "t").experiments if e.of == 2 and e.verdict]
    return found[0] if found else None


def _is_on_the_branch(workspace: Path, commit: str) -> bool:
    session = read_session(workspace, "t")
    return commit in (session.frontier, *(e.base for e in session.experiments))


def test_the_baseline_alone_is_run_as_often_as_the_noise_needs(tmp_path: Path) -> None:
    train = TRAIN.format(runs=str(tmp_path / "runs"), effect="0")
    workspace = make_repository(tmp_path / "work", {"train.py": train})
    words = ("--yes", "--tag", "t", "--no-probe", "--rule", "confirm")
    command = ("--command", f"{sys.executable} train.py")
    done = run_warm("baseline", workspace, *words, *command)
    assert done.returncode == 0, done.stderr
    session = read_session(workspace, "t")
    assert len(session.experiments) == 1
    assert len(session.experiments[0].values(RunPurpose.TRIAL)) == 3
    assert session.incumbent == 1


def test_the_verb_noise_says_which_gains_can_be_seen(tmp_path: Path) -> None:
    train = TRAIN.format(runs=str(tmp_path / "runs"), effect="0")
    workspace = make_repository(tmp_path / "work", {"train.py": train})
    words = ("noise", workspace, "--yes", "--tag", "t", "--no-probe")
    done = run_warm(*words, "--command", f"{sys.executable} train.py")
    assert done.returncode == 0, done.stderr
    assert len(read_session(workspace, "t").experiments[0].values(RunPurpose.TRIAL)) == 5
    assert "Noise of val_bpb: σ 0.000259 from 5 runs" in done.stdout
    assert "cannot be seen on this machine with 3 repeats" in done.stdout
    assert "edits in 8 hours" in done.stdout
    again = run_warm(*words)
    assert "has its baseline already" in again.stdout
    assert "Noise of val_bpb: σ 0.000259 from 5 runs" in again.stdout


def test_a_baseline_whose_runs_differ_by_a_tenth_raises_an_alarm(tmp_path: Path) -> None:
    session = night(tmp_path, "0.5 * noise", "--max", "2", "--repeats", "1", "--closing", "0")
    (alarm,) = (a for a in session.alarms if a.kind is AlarmKind.NOISE)
    assert "the 3 runs of the baseline differ by 0." in alarm.message
