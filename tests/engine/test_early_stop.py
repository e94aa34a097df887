"""Runs that are too far behind to recover, in real sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.enums import Outcome, Verdict
from engine.core.events import RunFellBehind
from engine.core.layout import Layout
from engine.report.hours import hours_of
from engine.store.journal import read_journal
from tests.engine.test_ratchet import rows, run, session_of
from tests.warm import run_warm
from tests.world import git

pytestmark = pytest.mark.usefixtures("engines")

# The runs up to GOOD finish at once, each a little worse; a later one is far behind, and waits at
# half of its budget: to be stopped, or for as long as a file tells it to.
TRAIN = """\
import itertools, os, time

MATRIX_LR = 0.04  # learning rate of the matrices
EMBEDDING_LR = 0.6  # learning rate of the embeddings
WARMDOWN_RATIO = 0.5  # share of the budget
DEPTH = 4  # layers

for turn in itertools.count(1):
    try:
        os.close(os.open(f"{gate}/run-{{turn}}", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        pass
late = turn > {good}
for step in range(101):
    loss = 4 - step / 100 + turn % 3 / 50 + 5 * late
    print(f"step {{step:05d}} ({{step:.1f}}%) | loss: {{loss:.4f}} | remaining: 1s", flush=True)
    while late and step == 50 and not os.path.exists("{gate}/open"):
        time.sleep(0.02)
print("---")
print(f"val_bpb:          {{1 + turn / 100:.6f}}")
print("training_seconds: 0.1")
"""


def prepare(repository: Path, gate: Path, good: int) -> None:
    gate.mkdir()
    (repository / "train.py").write_text(TRAIN.format(gate=gate, good=good))
    git(repository, "commit", "--quiet", "-m", "curves", "--", "train.py")


def found(repository: Path) -> list[RunFellBehind]:
    events = read_journal(Layout(repository, "t").journal)
    return [event for event in events if isinstance(event, RunFellBehind)]


def test_a_hopeless_run_is_stopped_and_discarded(repository: Path, tmp_path: Path) -> None:
    prepare(repository, tmp_path / "gate", good=9)
    out = run(repository, "--max", "11", "--early-stop", "kill")
    session = session_of(repository)
    stopped = session.experiments[9:]
    assert [e.outcome for e in stopped] == [Outcome.STOPPED_EARLY] * 2
    assert [e.verdict for e in stopped] == [Verdict.DISCARD] * 2
    assert stopped[0].verdict_reason.startswith("stopped early at 50%: its loss was")
    assert [e.experiment for e in found(repository)] == [10, 11]
    assert all(event.stops and event.hindsight_keeps == 0 for event in found(repository))
    assert session.saved_seconds >= 0
    # A discard with the metric 0.0 would be the best result for other programs.
    assert [row[1:4] for row in rows(repository)[9:]] == [["0.000000", "0.0", "crash"]] * 2
    assert "stopped early" in rows(repository)[9][4]
    assert "none of 8 finished runs recovered" in out


def test_advice_lets_the_run_go_on(repository: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    prepare(repository, gate, good=9)
    (gate / "open").touch()
    run(repository, "--max", "10")
    session = session_of(repository)
    assert session.experiment(10).outcome is Outcome.FINISHED
    # The run may print its last line before the engine has read the first.
    assert all(not event.stops for event in found(repository))


def test_no_run_is_judged_by_too_few_curves(repository: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    prepare(repository, gate, good=3)
    (gate / "open").touch()
    run(repository, "--max", "4", "--early-stop", "kill")
    assert session_of(repository).experiment(4).outcome is Outcome.FINISHED
    assert found(repository) == []


def test_the_report_counts_the_time_saved(repository: Path, tmp_path: Path) -> None:
    prepare(repository, tmp_path / "gate", good=9)
    run(repository, "--max", "10", "--early-stop", "kill")
    hours = hours_of(session_of(repository))
    assert hours is not None
    assert (hours.stopped, hours.saved) == (1, session_of(repository).saved_seconds)
    done = run_warm("report", repository, "--format", "md")
    assert done.returncode == 0, done.stderr
    reports = (repository / ".autoresearch/t/report").glob("*.md")
    assert any("1 run stopped early saved about" in path.read_text() for path in reports)
