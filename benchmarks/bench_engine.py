"""The engine's own work per experiment, its cost at rest, and how fast a journal folds.

The training command returns at once, the agent is the search agent, everything else is real: git,
journal with fsync, a supervisor process per run. Beside the figure stands the floor, measured in
the same run on the same disk.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from engine.client import connection as client
from engine.core import events as ev
from engine.core.enums import Outcome, Verdict
from engine.core.reducer import fold
from engine.store.artifacts import Layout
from engine.store.journal import read_journal

EXPERIMENTS = 60
REST_SECONDS = 15.0
COMMAND = str(Path(sys.executable).parent / "autoresearch-tui")
TRAIN = """\
MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
SCALAR_LR = 0.5
WARMDOWN_RATIO = 0.5
WEIGHT_DECAY = 0.2
DEPTH = 8
print("val_bpb: 1.0")
"""


BUSY = """\
import time
for n in range(10**6):
    print(f"\\rstep {n} ({n / 1000:.1f}%) | loss: 3.1", end="", flush=True)
    time.sleep(0.2)
"""


def repository(path: Path) -> Path:
    path.mkdir()
    (path / "train.py").write_text(TRAIN)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-C", str(path), *words], check=True)
    return path


def milliseconds_per_experiment(path: Path) -> tuple[float, float]:
    """Median and 90th percentile between two proposals."""
    words = [
        "run",
        str(path),
        "--headless",
        "--yes",
        "--tag",
        "b",
        "--command",
        "echo val_bpb: 1.0",
    ]
    subprocess.run(
        [COMMAND, *words, "--max", str(EXPERIMENTS)], check=True, stdout=subprocess.DEVNULL
    )
    times = [
        e.at.timestamp()
        for e in read_journal(Layout(path, "b").journal)
        if isinstance(e, ev.ProposalDrafted)
    ]
    gaps = sorted(1000 * (b - a) for a, b in itertools.pairwise(times[1:]))
    return statistics.median(gaps), gaps[int(0.9 * len(gaps))]


def floor_milliseconds(path: Path) -> float:
    """What cannot be saved: a commit, a ref, a bare Python, an `echo`, eight fsyncs."""
    took = []
    for n in range(15):
        (path / "train.py").write_text(f"X = {n}\n")
        begin = time.perf_counter()
        git = ["git", "-C", str(path)]
        subprocess.run([*git, "add", "train.py"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        subprocess.run([*git, "update-ref", f"refs/x/{n}", "HEAD"], check=True)
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
        subprocess.run(["echo"], check=True, stdout=subprocess.DEVNULL)
        with open(path / "journal", "ab") as file:
            for _ in range(8):
                file.write(b"x" * 200)
                file.flush()
                os.fsync(file.fileno())
        took.append(1000 * (time.perf_counter() - begin))
    return statistics.median(took)


def cost_at_rest(path: Path) -> tuple[float, float]:
    """CPU in % of one core and resident MB of an engine during a run that nobody watches."""
    (path / "busy.py").write_text(BUSY)
    words = ["start", str(path), "--yes", "--tag", "rest", "--budget", "600"]
    subprocess.run(
        [COMMAND, *words, "--command", f"{sys.executable} {path / 'busy.py'}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    pid = client.engine_pid(path)
    assert pid is not None
    process = psutil.Process(pid)
    time.sleep(3)
    before, begin = process.cpu_times(), time.perf_counter()
    time.sleep(REST_SECONDS)
    after, end = process.cpu_times(), time.perf_counter()
    used = after.user + after.system - before.user - before.system
    memory = process.memory_info().rss / 1e6
    subprocess.run(
        [COMMAND, "stop", "--now", "-C", str(path)], check=True, stdout=subprocess.DEVNULL
    )
    process.wait(20)
    return 100 * used / (end - begin), memory


def fold_seconds(count: int = 100_000) -> float:
    """Decode and fold a journal of so many events."""
    events: list[ev.AnyEvent] = []
    experiment = 0
    while len(events) < count:
        experiment += 1
        proposal = ev.Proposal(patch_id="0123456789ab", hypothesis="MATRIX_LR 0.04 to 0.05")
        events += [
            ev.ProposalDrafted(experiment=experiment, base="c", proposal=proposal, patch="x" * 400),
            ev.CandidateCommitted(experiment=experiment, commit="c" * 40, ref="r"),
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
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        for seq, event in enumerate(events[:count], start=1):
            file.write(encoder.encode(msgspec.structs.replace(event, seq=seq)) + b"\n")
        file.flush()
        begin = time.perf_counter()
        session = fold(read_journal(Path(file.name)))
        took = time.perf_counter() - begin
    assert session.seq == count
    return took


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        path = repository(Path(name) / "w")
        median, high = milliseconds_per_experiment(path)
        floor = floor_milliseconds(repository(Path(name) / "floor"))
        cpu, memory = cost_at_rest(path)
    print(f"engine's own work per experiment, median: {median:.0f} ms (target < 100)")
    print(f"engine's own work per experiment, p90: {high:.0f} ms")
    print(f"floor of git, processes and fsyncs here: {floor:.0f} ms")
    print(f"engine at rest during a run, CPU: {cpu:.2f} % of one core (target < 1)")
    print(f"engine at rest during a run, memory: {memory:.0f} MB (target < 60)")
    print(f"journal of 100,000 events, decoded and folded: {fold_seconds():.2f} s (target < 1)")


if __name__ == "__main__":
    main()
