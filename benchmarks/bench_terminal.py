"""Measures the screen: the time to the first frame, and bytes per second to the terminal.

The real app in a pseudo-terminal of 120×40; the session comes from a snapshot on the disk, so that
reading it counts. The floor of the first frame is that of an empty Textual app, in processor time.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from pathlib import Path

COLUMNS, ROWS = 120, 40
SETTLE_SECONDS = 2.0
MARKS = (b"Warm-down over", b"leave")
"""Texts on a complete first frame: the newest row of the table, and the footer on the last line."""
AIMS = {1_000: 1.5, 10_000: 2.0}
"""By number of experiments, the most that a first frame may cost as a multiple of its floor."""


# ---- the app, in a process of its own ------------------------------------------------------------


async def _show(snapshot: bytes, workspace: Path, busy_seconds: float) -> None:
    from tui.terminal import prepare_environment

    prepare_environment()
    import engine.client.connection  # noqa: F401  as attaching to an engine would
    from engine.protocol.snapshot import decode_session
    from tests.tui.synthetic import MemoryFeed
    from tui.app import SupervisorApp

    feed = MemoryFeed(decode_session(snapshot), workspace)
    app = SupervisorApp(feed, feed.session, "dark")
    work = asyncio.create_task(_work(feed, busy_seconds)) if busy_seconds else None
    await app.run_async()
    if work is not None:
        work.cancel()


async def _work(feed: object, seconds: float) -> None:
    """Play a busy session: 20 log lines a second, progress, samples, and experiments that end.

    An experiment ends every 5 s.

    Args:
        feed: The feed that the screen shows, a `MemoryFeed`.
        seconds: How long to play.
    """
    from engine.core.enums import Phase, Verdict
    from engine.core.events import Measured, RunEnded, VerdictGiven
    from engine.core.machine import GpuSample, MachineSample
    from engine.protocol.messages import Devices, Progress
    from tests.tui.synthetic import MemoryFeed, Tried, attempt, beginning

    assert isinstance(feed, MemoryFeed)
    number = len(feed.session.experiments)
    path = feed.log_path(number, 1)
    assert path is not None
    log = path.open("a")
    for tick in range(int(seconds * 20)):
        share = tick % 100 / 100
        log.write(
            f"\rstep {tick:05} ({share:.1%}) | loss: {9 - share:.4f} | tok/sec: 1,69{tick % 10}"
        )
        log.write(f"\nlayer {tick % 12}: grad norm {tick * 0.37 % 1:.4f}")
        log.flush()
        if tick % 5 == 0:
            feed.tell(
                Progress(
                    experiment=number,
                    run=1,
                    phase=Phase.TRAINING,
                    elapsed_seconds=tick / 20,
                    share=share,
                    step=tick,
                    loss=9 - share,
                    remaining_seconds=300 - tick / 20,
                )
            )
        if tick % 20 == 0:
            gpu = GpuSample(
                index=0,
                name="NVIDIA H100 80GB HBM3",
                utilisation_percent=90.0 + tick % 10,
                memory_used_bytes=44 * 2**30,
                memory_total_bytes=80 * 2**30,
                power_watts=600.0 + tick % 90,
                temperature_celsius=60.0 + tick % 9,
            )
            sample = MachineSample(gpus=(gpu,), cpu_percent=tick % 30, cores=26, run_processes=3)
            feed.tell(Devices(sample=sample))
        if tick % 100 == 99:
            tried = Tried(Verdict.DISCARD, 0.98, 44.0, f"the idea of second {tick // 20}")
            ends = [
                each
                for each in attempt(number, tried, best=0.97)
                if isinstance(each, RunEnded | Measured | VerdictGiven)
            ]
            number += 1
            feed.happen(*ends, *beginning(number, tried))
            log.close()
            path = feed.log_path(number, 1)
            assert path is not None
            log = path.open("a")
        await asyncio.sleep(0.05)


# ---- the terminal --------------------------------------------------------------------------------


def _command(snapshot: Path, busy_seconds: float = 0) -> list[str]:
    return [sys.executable, __file__, "--show", str(snapshot), "--busy", str(busy_seconds)]


def _bytes_per_second(snapshot: Path, seconds: float) -> float:
    from benchmarks.processes import terminal_process

    total = 0
    command = _command(snapshot, seconds + SETTLE_SECONDS + 2)
    with terminal_process(command, COLUMNS, ROWS) as (_, descriptor):
        started = time.perf_counter()
        while (now := time.perf_counter() - started) < SETTLE_SECONDS + seconds:
            if select.select([descriptor], [], [], 0.1)[0]:
                count = len(os.read(descriptor, 65536))
                # The first frame is measured by itself.
                total += count if now > SETTLE_SECONDS else 0
    return total / seconds


def main() -> int:
    """Measure the screen and print the figures; return 0 if they meet their aims, else 1."""
    from benchmarks import empty_app
    from benchmarks.figures import Figures, alternate, arguments, medians
    from benchmarks.processes import first_frame, private_home
    from engine.protocol.snapshot import encode_session
    from tests.tui.synthetic import made_up, session_of

    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the busy session")
    options = parser.parse_args()
    figures = Figures(judge=not options.quick)
    with private_home() as home:
        snapshot = home / "session"
        for count, aim in {100: 1.5}.items() if options.quick else AIMS.items():
            snapshot.write_bytes(encode_session(session_of(home, made_up(count - 1))))
            floor, shown = alternate(
                1 if options.quick else 9,
                lambda: first_frame(empty_app.COMMAND, [empty_app.TEXT.encode()]),
                lambda: first_frame(_command(snapshot), MARKS),
            )
            (floor_clock, floor_used), (clock, used) = (
                medians(list(zip(*samples, strict=True))) for samples in (floor, shown)
            )
            name = f"first frame, {count:,} experiments"
            figures.show(f"{name}, by the clock", clock, "s")
            figures.show("the same of an empty Textual app", floor_clock, "s")
            figures.show(f"{name}, processor time", used, "s")
            figures.show("the same of an empty Textual app", floor_used, "s")
            figures.ratio(f"{name}, processor time", used, floor_used, at_most=aim)
        snapshot.write_bytes(encode_session(session_of(home, made_up(126))))
        rate = _bytes_per_second(snapshot, 1.0 if options.quick else options.seconds) / 1000
    figures.show("written to the terminal, busy at 120×40", rate, "KB/s", at_most=25)
    return figures.exit_code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        shown_snapshot = Path(sys.argv[2])
        asyncio.run(_show(shown_snapshot.read_bytes(), shown_snapshot.parent, float(sys.argv[4])))
    else:
        sys.exit(main())
