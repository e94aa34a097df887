"""Measures a replay of 10,000 experiments: the time to the first frame, and the time of a jump.

The journal is synthetic, but of real events: for each experiment a proposal with its diff and
reasoning, a commit, a run with 20 points of its loss curve, a measurement, a verdict, a row. The
floor of the first frame is that of an empty Textual app; the floor of a jump is a step to the next
experiment.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import empty_app
from benchmarks.figures import Figures, alternate, arguments, medians
from benchmarks.processes import COMMAND, first_frame, private_home
from engine.core import events as ev
from engine.core.enums import Verdict
from tests.tui.synthetic import attempt, made_up, numbered, opening

POINTS = 20
MARKS = (b"REPLAY",)


def write_journal(workspace: Path, experiments: int) -> Path:
    """Write the journal of a session with this number of experiments; return its path."""
    events: list[ev.AnyEvent] = opening(workspace)
    best: float | None = None
    for number, tried in enumerate(made_up(experiments), start=1):
        one = attempt(number, tried, best=best)
        points = [
            ev.RunProgressed(experiment=number, run=1, share=i / POINTS, loss=4 - i / POINTS)
            for i in range(POINTS)
        ]
        events += [*one[:3], *points, *one[3:]]
        best = tried.value if tried.verdict is Verdict.KEEP else best
    path = workspace / ".autoresearch" / "nov20" / "journal.jsonl"
    path.parent.mkdir(parents=True)
    encode = msgspec.json.encode
    path.write_bytes(b"".join(encode(event) + b"\n" for event in numbered(events)))
    return path


def write_table(path: Path, experiments: int) -> Path:
    """Write a session with this number of experiments as a bare results.tsv; return its path."""
    rows = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription"]
    for number, tried in enumerate(made_up(experiments), start=1):
        verdict = tried.verdict.value
        rows.append(f"{number:07x}\t{tried.value:.6f}\t44.0\t{verdict}\t{tried.hypothesis}")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


class Jumps(NamedTuple):
    """Processor seconds of moves within a recording, each with a repaint of the screen."""

    jumps: list[float]
    """Seconds of each move to a random experiment, once the recording is folded."""
    steps: list[float]
    """Seconds of each move to the next experiment, once the recording is folded."""
    first: float
    """Seconds of the first move to the end, before anything is folded."""


async def measure_jumps(source: Path, count: int) -> Jumps:
    """Open a recording in the replay app, and measure `count` jumps and as many steps."""
    from engine.replay.source import open_source
    from tui.replay.app import ReplayApp

    app = ReplayApp(open_source(str(source)))
    async with app.run_test(size=(160, 45)) as pilot:
        player = app.feed.player

        async def move(place: int) -> float:
            start = time.process_time()
            player.go_to_place(place)
            app.paint()
            used = time.process_time() - start
            await pilot.pause()
            return used

        start = time.process_time()
        player.end()
        app.paint()
        first = time.process_time() - start
        while not player.at_end:
            await pilot.pause(0.005)
        while player.recording.fold_more():
            pass
        gc.freeze()  # as the app does where it has a terminal
        dice, jumps, steps = random.Random(1), list[float](), list[float]()
        for _ in range(count):
            place = dice.randrange(player.places - 1)
            jumps.append(await move(place))
            steps.append(await move(place + 1))
    return Jumps(jumps, steps, first)


def main() -> int:
    """Measure replays and print the figures; return 0 if they meet their aims, else 1."""
    parser = arguments(__doc__)
    parser.add_argument("--experiments", type=int, default=10_000)
    options = parser.parse_args()
    experiments, rounds, jumps = options.experiments, 5, 200
    if options.quick:
        experiments, rounds, jumps = 200, 1, 3
    figures = Figures(judge=not options.quick)
    with private_home() as home:
        journal = write_journal(home, experiments)
        table = write_table(home / "results.tsv", experiments)
        for name, source in (("journal", journal), ("results.tsv", table)):
            size = source.stat().st_size / 2**20
            print(f"{name} of {experiments:,} experiments, {size:.1f} MiB", flush=True)
            command = [COMMAND, "replay", str(source)]
            floor, shown = alternate(
                rounds,
                lambda: first_frame(empty_app.COMMAND, [empty_app.TEXT.encode()]),
                lambda command=command: first_frame(command, MARKS, 160, 45),  # type: ignore[misc]
            )
            (_, least), (clock, used) = (
                medians(list(zip(*samples, strict=True))) for samples in (floor, shown)
            )
            figures.show(f"replay of a {name}, first frame by the clock", clock, "s")
            figures.show(f"replay of a {name}, first frame, processor time", used, "s")
            figures.ratio(f"replay of a {name}, first frame", used, least, at_most=5)
            moved = asyncio.run(measure_jumps(source, jumps))
            jump, step = statistics.median(moved.jumps), statistics.median(moved.steps)
            figures.show("first jump to the end", 1000 * moved.first, "ms")
            figures.show("jump, median", 1000 * jump, "ms")
            figures.show("jump, longest", 1000 * max(moved.jumps), "ms")
            figures.show("step to the next experiment, median", 1000 * step, "ms")
            figures.ratio("jump, median", jump, step, at_most=1.5)
            figures.ratio("jump, longest", max(moved.jumps), step, at_most=4)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
