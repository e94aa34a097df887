"""What the screen costs: time to the first frame, and bytes a second to the terminal.

The real app in a real pseudo-terminal of 120×40; the session comes from a snapshot on the disk, so
that reading it counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

COLUMNS, ROWS = 120, 40
SETTLE_SECONDS = 2.0
LAST_IDEA = b"Warm-down over"
"""In the newest row of the table."""
LAST_WORD = b"leave"
"""In the footer, which is the last line."""


# ---- the app, in a process of its own ------------------------------------------------------------


async def _show(snapshot: bytes, workspace: Path, busy_seconds: float) -> None:
    from tui.terminal import prepare_environment

    prepare_environment()
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
    """A log of 20 lines/s with progress in it, samples, and an experiment that ends every 5 s."""
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


@contextmanager
def _terminal(snapshot: Path, busy_seconds: float) -> Iterator[tuple[int, int]]:
    import fcntl
    import pty
    import signal
    import struct
    import termios

    pid, fd = pty.fork()
    if pid == 0:
        for name in ("SSH_CONNECTION", "TMUX", "NO_COLOR", "AUTORESEARCH_REFRESH_HZ"):
            os.environ.pop(name, None)
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.environ |= {"XDG_CONFIG_HOME": str(snapshot.parent)}
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execv(
            sys.executable,
            [sys.executable, __file__, "--show", str(snapshot), "--busy", str(busy_seconds)],
        )
    try:
        yield pid, fd
    finally:
        os.kill(pid, signal.SIGTERM)
        os.close(fd)
        os.waitpid(pid, 0)


def _first_frame_seconds(snapshot: Path) -> tuple[float, float]:
    """By the clock, and of processor time: on a busy machine only the second can be compared."""
    import psutil

    started = time.perf_counter()
    seen = b""
    with _terminal(snapshot, 0) as (pid, fd):
        while LAST_IDEA not in seen or LAST_WORD not in seen:
            seen += os.read(fd, 65536)
        used = psutil.Process(pid).cpu_times()
        return time.perf_counter() - started, used.user + used.system


def _bytes_per_second(snapshot: Path, seconds: float) -> float:
    import select

    total = 0
    with _terminal(snapshot, seconds + SETTLE_SECONDS + 2) as (_, fd):
        started = time.perf_counter()
        while (now := time.perf_counter() - started) < SETTLE_SECONDS + seconds:
            if select.select([fd], [], [], 0.1)[0]:
                count = len(os.read(fd, 65536))
                # The first frame is paid once and measured above.
                total += count if now > SETTLE_SECONDS else 0
    return total / seconds


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", type=Path)
    parser.add_argument("--busy", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the busy session")
    options = parser.parse_args()
    if options.show is not None:
        asyncio.run(_show(options.show.read_bytes(), options.show.parent, options.busy))
        return
    from engine.protocol.snapshot import encode_session
    from tests.tui.synthetic import made_up, session_of

    with tempfile.TemporaryDirectory() as directory:
        workspace = Path(directory)
        snapshot = workspace / "session"
        for count, target in ((1_000, 0.7), (10_000, 1.0)):
            snapshot.write_bytes(encode_session(session_of(workspace, made_up(count - 1))))
            runs = [_first_frame_seconds(snapshot) for _ in range(5)]
            clock, processor = (statistics.median(run[i] for run in runs) for i in (0, 1))
            name = f"first frame, {count:,} experiments"
            print(f"{name}: {clock:.2f} s (target < {target} s)")
            print(f"{name}, processor time: {processor:.2f} s (no target)")
        snapshot.write_bytes(encode_session(session_of(workspace, made_up(126))))
        rate = _bytes_per_second(snapshot, options.seconds) / 1000
        print(f"bytes to the terminal, busy at 120×40: {rate:.1f} KB/s (target ≤ 25 KB/s)")


if __name__ == "__main__":
    main()
