"""Measures the cost of following a large log: the log pane in a real terminal, the file growing.

A 200 MB log of a million lines, 1,000 lines of 200 bytes a second arriving, 120×40 cells. The floor
is a Textual app that paints the newest lines as plain text, as often as the pane does, and another
page of plain text at each key; it keeps nothing, and knows neither colours nor the older lines.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINES = 1_000_000
LINE_BYTES = 200
LINES_A_SECOND = 1_000
WRITES_A_SECOND = 20
COLUMNS, ROWS = 120, 40
POLL_SECONDS = 0.25
"""Seconds between two reads of the log file by the log pane."""
ANSWER_BYTES = 1_500
"""Bytes that a page of text exceeds; a poll while the end is not followed paints fewer."""
PAGE_UP, PAGE_DOWN = b"\x1b[5~", b"\x1b[6~"


# ---- the processes that are compared -------------------------------------------------------------


def show_pane(path: str) -> None:
    """Run an app that consists of the log pane, following the file `path`, until it exits."""
    from textual.app import App, ComposeResult

    from tui.widgets.log_view import LogView

    class LogPane(App[None]):
        def compose(self) -> ComposeResult:
            view = LogView()
            view.follow(Path(path))
            yield view

    LogPane().run()


def show_plain(path: str) -> None:
    """Run the floor: an app that paints a file's newest lines, and a page of text at each key."""
    from rich.segment import Segment
    from textual import events
    from textual.app import App, ComposeResult
    from textual.strip import Strip
    from textual.widget import Widget

    class Page(Widget):
        lines: list[str] = [""] * ROWS

        def render_line(self, y: int) -> Strip:
            return Strip([Segment(self.lines[y].ljust(COLUMNS))])

        def show(self, lines: list[str]) -> None:
            self.lines = [*self.lines, *(text[:COLUMNS] for text in lines)][-ROWS:]
            self.refresh()

    class Plain(App[None]):
        turn = 0

        def compose(self) -> ComposeResult:
            yield Page()

        def on_mount(self) -> None:
            self.position = Path(path).stat().st_size
            self.set_interval(POLL_SECONDS, self.read)

        def read(self) -> None:
            with open(path, "rb") as file:
                file.seek(self.position)
                data = file.read()
            self.position += len(data)
            self.query_one(Page).show(data.decode().splitlines())

        def on_key(self, event: events.Key) -> None:
            self.turn += 1
            text = "".join(f"page {self.turn}, {column} " for column in range(COLUMNS // 8))
            self.query_one(Page).show([text] * ROWS)

    Plain().run()


# ---- the log -------------------------------------------------------------------------------------


def line(number: int) -> bytes:
    """Return a line of 200 bytes as a training script prints it; one in three has colour."""
    text = f"step {number:07d} | loss: {3 + number % 97 / 100:.4f} | lrm: 1.00 | dt: 312ms | "
    if number % 3 == 0:
        text = f"\x1b[32m{text}\x1b[0m\x1b[1mtok/sec: 1,671,234\x1b[0m "
    return text.encode().ljust(LINE_BYTES - 1, b".") + b"\n"


def write_log(path: Path, lines: int) -> None:
    """Write a new log file with this number of lines."""
    with open(path, "wb") as file:
        for start in range(0, lines, 10_000):
            numbers = range(start, min(start + 10_000, lines))
            file.write(b"".join(line(number) for number in numbers))


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Append 1,000 lines a second to the log in a thread, while the context is open."""
    stop = threading.Event()

    def append() -> None:
        number, many = LINES, LINES_A_SECOND // WRITES_A_SECOND
        due = time.perf_counter()
        with open(path, "ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"".join(line(number + index) for index in range(many)))
                number += many
                due += 1 / WRITES_A_SECOND
                stop.wait(max(0.0, due - time.perf_counter()))

    thread = threading.Thread(target=append)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# ---- the measurements ----------------------------------------------------------------------------


class Terminal:
    """Reads all that a process writes to its terminal, in a thread, and counts the bytes.

    Args:
        descriptor: The controlling end of the pseudo-terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.received = 0
        self._condition = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                return
            if not data:
                return
            with self._condition:
                self.received += len(data)
                self._condition.notify_all()

    def answer_seconds(self, key: bytes) -> float:
        """Press a key; return the seconds until a page of bytes came back, 2 if none did."""
        with self._condition:
            goal = self.received + ANSWER_BYTES
            began = time.perf_counter()
            os.write(self._descriptor, key)
            self._condition.wait_for(lambda: self.received >= goal, timeout=2.0)
            return time.perf_counter() - began


def wait_until_idle(pid: int) -> None:
    """Wait until a process uses less than 7 % of a core, which means that it has read its file."""
    from benchmarks.processes import processor_seconds_so_far, wait_until

    def is_idle() -> bool:
        before = processor_seconds_so_far(pid)
        time.sleep(0.3)
        return processor_seconds_so_far(pid) - before < 0.02

    wait_until(is_idle)


def command(*words: str) -> list[str]:
    """Return the command that runs this file with `--show` and these words: `pane` or `plain`."""
    return [sys.executable, "-P", __file__, "--show", *words]


def following(what: str, path: Path, seconds: float) -> tuple[float, float, float]:
    """Measure a process that follows the growing log in a terminal.

    Args:
        what: The app: `pane` for the log pane, `plain` for the floor.
        path: The log file.
        seconds: How long to measure.

    Returns:
        Processor seconds per second, MB of memory, and KB written to the terminal per second.
    """
    import psutil

    from benchmarks.processes import processor_seconds_so_far, terminal_process

    with terminal_process(command(what, str(path)), COLUMNS, ROWS) as (pid, descriptor):
        terminal = Terminal(descriptor)
        wait_until_idle(pid)
        with growing(path):
            time.sleep(seconds / 5)
            used, shown = processor_seconds_so_far(pid), terminal.received
            began = time.perf_counter()
            time.sleep(seconds)
            used, shown = processor_seconds_so_far(pid) - used, terminal.received - shown
            took = time.perf_counter() - began
        memory = psutil.Process(pid).memory_info().rss / 1e6
    return used / took, memory, shown / took / 1000


def key_to_screen(path: Path, keys: int) -> tuple[list[float], list[float]]:
    """Press page keys in the log pane and in the app of plain text, in turn.

    Args:
        path: The log file, which grows meanwhile.
        keys: The number of keys to press in each.

    Returns:
        The milliseconds until each key was answered, sorted: of the log pane, and of plain text.
    """
    from benchmarks.processes import terminal_process

    with (
        terminal_process(command("pane", str(path)), COLUMNS, ROWS) as (pid, descriptor),
        terminal_process(command("plain", str(path)), COLUMNS, ROWS) as (
            floor_pid,
            floor_descriptor,
        ),
    ):
        terminals = Terminal(descriptor), Terminal(floor_descriptor)
        wait_until_idle(pid)
        wait_until_idle(floor_pid)
        with growing(path):
            os.write(descriptor, PAGE_UP * 3)
            time.sleep(0.5)
            dice, answers = random.Random(1), ([], [])  # type: ignore[var-annotated]
            for number in range(keys):
                for terminal, found in zip(terminals, answers, strict=True):
                    key = PAGE_DOWN if number % 3 == 2 else PAGE_UP
                    found.append(1000 * terminal.answer_seconds(key))
                    time.sleep(dice.uniform(0.05, 0.15))
    return sorted(answers[0]), sorted(answers[1])


def main() -> int:
    """Measure the log pane and print the figures; return 0 if they meet their aims, else 1."""
    from benchmarks.figures import Figures, alternate, arguments, medians
    from benchmarks.processes import private_home

    quick = arguments(__doc__).parse_args().quick
    lines, rounds, seconds, keys = (20_000, 1, 1.0, 5) if quick else (LINES, 3, 10.0, 100)
    figures = Figures(judge=not quick)
    with private_home() as home:
        path = home / "run.log"
        write_log(path, lines)
        print(f"log: {path.stat().st_size / 1e6:.0f} MB, {lines:,} lines", flush=True)
        samples = alternate(
            rounds,
            lambda: following("pane", path, seconds),
            lambda: following("plain", path, seconds),
        )
        answers, floors = key_to_screen(path, keys)
    (used, memory, written), (least, least_memory, _) = (
        medians(list(zip(*each, strict=True))) for each in samples
    )
    figures.show("log pane, processor", 100 * used, "% of one core", at_most=10)
    figures.show("the same, plain text", 100 * least, "% of one core")
    figures.ratio("log pane, processor", used, least, at_most=4)
    figures.show("log pane, memory", memory, "MB")
    figures.show("the same, plain text", least_memory, "MB")
    figures.ratio("log pane, memory", memory, least_memory, at_most=1.5)
    figures.show("log pane, written to the terminal", written, "KB/s", at_most=100)
    for name, share, aim in (("median", 0.5, 5.0), ("99th percentile", 0.99, 6.0)):
        answer, floor = (times[int(share * (len(times) - 1))] for times in (answers, floors))
        figures.show(f"key to screen, {name}", answer, "ms")
        figures.show("the same, plain text", floor, "ms")
        figures.ratio(f"key to screen, {name}", answer, floor, at_most=aim)
    return figures.exit_code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        os.environ["TEXTUAL_ANIMATIONS"] = "none"
        match sys.argv[2:]:
            case ["pane", log]:
                show_pane(log)
            case ["plain", log]:
                show_plain(log)
    else:
        sys.exit(main())
