"""Measures the engine's own work per experiment, its cost during a run, and folding a journal.

The training command returns at once and the agent is the search agent; everything else is real:
git, a journal with fsync, a supervisor process per run. The engine is paused and resumed, and while
it is paused the floor is measured on the same disk: what an experiment cannot do without.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.figures import Figures, alternate, arguments
from benchmarks.paused_session import TRAIN, EngineProcess, PausedSession, count_events
from benchmarks.processes import (
    make_workspace,
    private_home,
    processor_seconds_so_far,
    wait_until,
)
from engine.core import events as ev
from engine.core.enums import Outcome, Verdict
from engine.core.layout import Layout
from engine.core.reducer import fold
from engine.store.journal import read_journal

AIM = 2.5
FOLD_AIM = 3.0
FSYNCS = 8
BUSY = """\
import time
for n in range(10**6):
    print(f"\\rstep {n} ({n / 1000:.1f}%) | loss: 3.1", end="", flush=True)
    time.sleep(0.2)
"""


class Floor:
    """Does what an experiment needs at least: a commit, a ref, a Python, an `echo`, eight fsyncs.

    Args:
        workspace: A git repository on the disk of the session.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._turn = itertools.count()

    def run(self, count: int) -> tuple[list[float], float]:
        """Do the least work of an experiment `count` times.

        Returns:
            Seconds by the clock of each time, and processor seconds of one, children included.
        """
        before, took = _own_and_children(), []
        for _ in range(count):
            begin = time.perf_counter()
            self._once(next(self._turn))
            took.append(time.perf_counter() - begin)
        return took, (_own_and_children() - before) / count

    def _once(self, turn: int) -> None:
        (self._workspace / "train.py").write_text(f"X = {turn}\n")
        git = ["git", "-C", str(self._workspace)]
        subprocess.run([*git, "add", "train.py"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        subprocess.run([*git, "update-ref", f"refs/x/{turn}", "HEAD"], check=True)
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
        subprocess.run(["echo"], check=True, stdout=subprocess.DEVNULL)
        with open(self._workspace / "journal", "ab") as file:
            for _ in range(FSYNCS):
                file.write(b"x" * 200)
                file.flush()
                os.fsync(file.fileno())


def _own_and_children() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def work_per_experiment(figures: Figures, home: Path, rounds: int, experiments: int) -> None:
    """Measure the engine's work per experiment in turn with its floor, and show both.

    Args:
        figures: Prints the figures and judges them by their aims.
        home: The directory to create the two workspaces in.
        rounds: The number of times each is measured.
        experiments: The number of experiments in each round.
    """
    session = PausedSession(make_workspace(home / "w", TRAIN))
    floor = Floor(make_workspace(home / "floor", TRAIN))
    engine_samples, floor_samples = alternate(
        rounds, lambda: session.run(experiments), lambda: floor.run(experiments)
    )
    session.engine.stop()
    gaps = sorted(1000 * gap for sample, _ in engine_samples for gap in sample)
    floors = [1000 * took for sample, _ in floor_samples for took in sample]
    name = "engine's own work per experiment"
    figures.show(f"{name}, median by the clock", statistics.median(gaps), "ms")
    figures.show(f"{name}, 90th percentile", gaps[int(0.9 * len(gaps))], "ms")
    figures.show("the floor of git, processes and fsyncs", statistics.median(floors), "ms")
    clock = statistics.median(gaps), statistics.median(floors)
    figures.ratio(f"{name}, by the clock", *clock, at_most=AIM)
    used, least = (
        1000 * statistics.median(seconds for _, seconds in samples)
        for samples in (engine_samples, floor_samples)
    )
    figures.show(f"{name}, processor time", used, "ms")
    figures.show("the floor, processor time", least, "ms")
    figures.ratio(f"{name}, processor time", used, least, at_most=AIM)


def cost_during_a_run(figures: Figures, workspace: Path, seconds: float) -> None:
    """Measure an engine's processor time and memory during a run without clients, and show them.

    Args:
        figures: Prints the figures and judges them by their aims.
        workspace: The git repository to start the engine in; it is stopped at the end.
        seconds: How long to measure.
    """
    (workspace / "busy.py").write_text(BUSY)
    options = ("--tag", "rest", "--budget", "600", "--no-probe")
    command = f"{sys.executable} {workspace / 'busy.py'}"
    engine = EngineProcess(workspace, *options, "--command", command)
    journal = Layout(workspace, "rest").journal
    wait_until(lambda: count_events(journal.read_bytes().splitlines(), "RunProgressed") > 0)
    before, begin = processor_seconds_so_far(engine.pid), time.perf_counter()
    time.sleep(seconds)
    used, took = processor_seconds_so_far(engine.pid) - before, time.perf_counter() - begin
    memory = engine.memory_bytes() / 1e6
    engine.stop()
    figures.show("engine during a run, processor", 100 * used / took, "% of one core", at_most=1)
    figures.show("engine during a run, memory", memory, "MB", at_most=60)


def synthetic_journal(path: Path, count: int) -> None:
    """Write a journal of events in the proportions of a typical session.

    Args:
        path: The file to write.
        count: The number of events.
    """
    events: list[ev.AnyEvent] = []
    experiment = 0
    while len(events) < count:
        experiment += 1
        proposal = ev.Proposal(patch_id="0123456789ab", hypothesis="MATRIX_LR 0.04 to 0.05")
        events += [
            ev.ProposalDrafted(
                experiment=experiment, base="c" * 40, proposal=proposal, patch="x" * 400
            ),
            ev.CandidateCommitted(
                experiment=experiment, commit="c" * 40, ref="refs/autoresearch/b/1"
            ),
            ev.RunStarted(
                experiment=experiment, run=1, slot=0, command="c", directory="d", deadline_seconds=1
            ),
            *(
                ev.RunProgressed(experiment=experiment, run=1, share=s / 5, loss=3)
                for s in range(5)
            ),
            ev.RunEnded(experiment=experiment, run=1, outcome=Outcome.FINISHED),
            ev.Measured(experiment=experiment, run=1, measurement=ev.Measurement(metric=1.0)),
            ev.VerdictGiven(experiment=experiment, verdict=Verdict.DISCARD, reason="worse"),
            ev.RowWritten(experiment=experiment, file="results.tsv"),
        ]
    encoder = msgspec.json.Encoder()
    with open(path, "wb") as file:
        for seq, event in enumerate(events[:count], start=1):
            file.write(encoder.encode(msgspec.structs.replace(event, seq=seq)) + b"\n")


def fold_time(figures: Figures, path: Path, count: int, rounds: int) -> None:
    """Measure how long reading and folding a journal takes; the floor is parsing its JSON.

    Args:
        figures: Prints the figures and judges them by their aims.
        path: The journal to write.
        count: The number of events in it.
        rounds: The number of times each is measured.
    """
    synthetic_journal(path, count)

    def folding() -> float:
        begin = time.process_time()
        session = fold(read_journal(path))
        assert session.seq == count
        return time.process_time() - begin

    def parsing() -> float:
        begin = time.process_time()
        with open(path, "rb") as file:
            assert sum(1 for line in file if json.loads(line)) == count
        return time.process_time() - begin

    folded, parsed = map(statistics.median, alternate(rounds, folding, parsing))
    name = f"journal of {count:,} events, decoded and folded"
    figures.show(name, folded, "s")
    figures.show("the same, its JSON parsed by the standard library", parsed, "s")
    figures.ratio(name, folded, parsed, at_most=FOLD_AIM)


def main() -> int:
    """Measure the engine and print the figures; return 0 if they meet their aims, else 1."""
    quick = arguments(__doc__).parse_args().quick
    figures = Figures(judge=not quick)
    with private_home() as home:
        work_per_experiment(figures, home, *((1, 3) if quick else (6, 5)))
        cost_during_a_run(figures, home / "w", 0.5 if quick else 15.0)
        fold_time(figures, home / "journal", *((2_000, 1) if quick else (100_000, 3)))
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
