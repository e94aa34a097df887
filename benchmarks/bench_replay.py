"""Replaying 10,000 experiments: how long until the first frame, and how long a jump takes.

The journal is made up, but of real events: for each experiment a proposal with its diff and
reasoning, a commit, a run with 20 points of its loss curve, a measurement, a verdict, a row.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from engine.core import events as ev
from engine.core.enums import Verdict
from tests.tui.synthetic import attempt, made_up, numbered, opening

POINTS = 20
JUMPS = 200
FIRST_FRAME_SECONDS = 1.0
JUMP_SECONDS = 0.1


def write_journal(workspace: Path, experiments: int) -> Path:
    """A session of so many experiments."""
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
    """The same as a bare table."""
    rows = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription"]
    for number, tried in enumerate(made_up(experiments), start=1):
        word = tried.verdict.value
        rows.append(f"{number:07x}\t{tried.value:.6f}\t44.0\t{word}\t{tried.hypothesis}")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


async def first_frame(source: Path) -> tuple[float, list[float]]:
    """Seconds from opening to the first frame in this process, then of jumps on the screen: the
    first one to the end, before anything is folded.
    """
    begin = time.perf_counter()
    from engine.replay.source import open_source
    from tui.replay.app import ReplayApp

    app = ReplayApp(open_source(str(source)))
    async with app.run_test(size=(160, 45)) as pilot:
        painted = time.perf_counter() - begin
        player = app.feed.player
        dice, jumps = random.Random(1), list[float]()
        at_once = player.at_end
        start = time.perf_counter()
        player.end()
        app.paint()
        jumps.append(time.perf_counter() - start)
        while not player.at_end:
            await pilot.pause(0.005)
        arrived = time.perf_counter() - start
        while player.recording.fold_more():
            pass
        for _ in range(JUMPS):
            place = dice.randrange(player.places)
            start = time.perf_counter()
            player.go_to_place(place)
            app.paint()
            jumps.append(time.perf_counter() - start)
            await pilot.pause()
    there = "is the end" if at_once else f"is its beginning, the end {arrived:.2f} s later"
    print(f"  the first frame {there}")
    return painted, jumps


def whole_process(source: Path) -> float:
    """Seconds of the command from its start to the first frame on a terminal."""
    import pty

    command = str(Path(sys.executable).parent / "autoresearch-tui")
    master, slave = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [command, "replay", str(source)], stdin=slave, stdout=slave, stderr=slave, env=env
    )
    seen = b""
    while b"REPLAY" not in seen:
        seen += os.read(master, 65536)
    took = time.perf_counter() - begin
    process.kill()
    process.wait()
    os.close(master)
    os.close(slave)
    return took


def best_of(count: int, measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(count))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=10_000)
    experiments = parser.parse_args().experiments
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        journal = write_journal(top, experiments)
        table = write_table(top / "results.tsv", experiments)
        for name, source in (("journal", journal), ("results.tsv", table)):
            size = source.stat().st_size / 2**20
            print(f"{name} of {experiments:,} experiments, {size:.1f} MiB")
            took = best_of(3, lambda source=source: whole_process(source))  # type: ignore[misc]
            print(f"  command to first frame: {took:.2f} s")
            memory = psutil.Process().memory_info().rss / 2**20
            painted, jumps = asyncio.run(first_frame(source))
            grown = psutil.Process().memory_info().rss / 2**20 - memory
            middle, longest = statistics.median(jumps), max(jumps)
            print(f"  opening to first frame: {painted:.2f} s, {grown:.0f} MB in all")
            times = f"median {middle * 1e3:.1f} ms, longest {longest * 1e3:.1f} ms"
            print(f"  {len(jumps)} jumps: {times}")
            failed |= painted >= FIRST_FRAME_SECONDS or longest >= JUMP_SECONDS
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
