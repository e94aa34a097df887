"""What following a large log costs: the log pane in a real terminal, with the file growing.

A 200 MB log of a million lines, 1,000 lines of 200 bytes a second arriving, 120 x 40 cells. Prints
CPU, memory, bytes written to the terminal, and how long a key takes until the screen answers it.

    python benchmarks/bench_log_pane.py
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import psutil

COLUMNS, ROWS = 120, 40
LINES = 1_000_000
LINE_BYTES = 200
LINES_A_SECOND = 1_000
WRITES_A_SECOND = 20
MEASURED_SECONDS = 10.0
KEYS = 60
ANSWER_BYTES = 1_500
"""A page of text is more than this; what a poll paints while the end is not followed is less."""
PAGE_UP, PAGE_DOWN, END = b"\x1b[5~", b"\x1b[6~", b"\x1b[F"


def app(path: str) -> None:
    """The process that is measured."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    from textual.app import App, ComposeResult

    from tui.widgets.log_view import LogView

    class LogPane(App[None]):
        def compose(self) -> ComposeResult:
            view = LogView()
            view.follow(Path(path))
            yield view

    LogPane().run()


def line(number: int) -> bytes:
    """A line as training scripts print them; a third has colour."""
    text = f"step {number:07d} | loss: {3 + number % 97 / 100:.4f} | lrm: 1.00 | dt: 312ms | "
    if number % 3 == 0:
        text = f"\x1b[32m{text}\x1b[0m\x1b[1mtok/sec: 1,671,234\x1b[0m "
    return text.encode().ljust(LINE_BYTES - 1, b".") + b"\n"


class Terminal:
    """The other end of the pty: reads all the time, and says when how much came."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.received = 0
        self._condition = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            if not data:
                return
            with self._condition:
                self.received += len(data)
                self._condition.notify_all()

    def answer_seconds(self, key: bytes) -> float | None:
        """Press a key; the time until a screen's worth of bytes came back."""
        with self._condition:
            goal = self.received + ANSWER_BYTES
            began = time.perf_counter()
            os.write(self.fd, key)
            answered = self._condition.wait_for(lambda: self.received >= goal, timeout=2.0)
            return time.perf_counter() - began if answered else None


def append(path: Path, stop: threading.Event) -> None:
    """Let the log grow."""
    number = LINES
    many = LINES_A_SECOND // WRITES_A_SECOND
    due = time.perf_counter()
    with open(path, "ab", buffering=0) as file:
        while not stop.is_set():
            file.write(b"".join(line(number + index) for index in range(many)))
            number += many
            due += 1 / WRITES_A_SECOND
            stop.wait(max(0.0, due - time.perf_counter()))


def settled(process: psutil.Process, seconds: float = 60.0) -> float:
    """Wait until the file is indexed, so that the process is idle; returns how long it took."""
    began = time.perf_counter()
    process.cpu_percent()
    while time.perf_counter() - began < seconds:
        time.sleep(0.5)
        if process.cpu_percent() < 40:
            break
    return time.perf_counter() - began


def report(name: str, value: float, unit: str, target: float) -> None:
    """One figure a line."""
    print(f"{name}: {value:.1f} {unit} (target <= {target:g})", flush=True)


def measure(path: Path) -> None:
    """Start the app on the file, let it follow, then press keys."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = dict(
        os.environ,
        TERM="xterm-256color",
        COLORTERM="truecolor",
        TEXTUAL_ANIMATIONS="none",
        PYTHONPATH=str(Path(__file__).resolve().parent.parent),
    )
    child = subprocess.Popen(
        [sys.executable, __file__, "--app", str(path)],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment,
        start_new_session=True,
    )
    os.close(inner)
    terminal = Terminal(outer)
    stop = threading.Event()
    writer = threading.Thread(target=append, args=(path, stop), daemon=True)
    try:
        process = psutil.Process(child.pid)
        print(f"start and index: {settled(process):.1f} s")
        writer.start()
        time.sleep(2.0)
        times, bytes_before, began = process.cpu_times(), terminal.received, time.perf_counter()
        time.sleep(MEASURED_SECONDS)
        seconds = time.perf_counter() - began
        after = process.cpu_times()
        cpu = after.user + after.system - times.user - times.system
        written = terminal.received - bytes_before
        report("cpu", 100 * cpu / seconds, "% of one core", 10)
        report("memory", process.memory_info().rss / 2**20, "MiB", 75)
        report("written to the terminal", written / seconds / 1024, "KiB/s", 100)
        latencies = []
        rng = random.Random(1)
        os.write(outer, PAGE_UP * 3)
        time.sleep(0.5)
        for number in range(KEYS):
            answer = terminal.answer_seconds(PAGE_DOWN if number % 3 == 2 else PAGE_UP)
            latencies.append(2.0 if answer is None else answer)
            time.sleep(rng.uniform(0.05, 0.25))
        latencies.sort()
        report("key to screen, median", 1000 * statistics.median(latencies), "ms", 50)
        report("key to screen, p99", 1000 * latencies[int(0.99 * (KEYS - 1))], "ms", 50)
        report("key to screen, worst", 1000 * latencies[-1], "ms", 50)
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        stop.set()
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
        os.close(outer)


def main() -> None:
    """Make the file, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        with open(path, "wb") as file:
            for start in range(0, LINES, 10_000):
                file.write(b"".join(line(number) for number in range(start, start + 10_000)))
        print(f"log: {path.stat().st_size / 1e6:.0f} MB, {LINES:,} lines", flush=True)
        measure(path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--app"]:
        app(sys.argv[2])
    else:
        main()
