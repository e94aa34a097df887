"""Measures the cost of parsing a run's log, as the engine does while the run goes on.

Four kinds of lines: steps as karpathy's train.py prints them, the messages of a logger, a metric in
each line, and `key: value` lines. The floor decodes and splits the same bytes, and looks for the
name of the metric in each line.
"""

from __future__ import annotations

import sys
import time
from functools import partial

from benchmarks.figures import Figures, alternate, arguments, medians
from engine.core.run_log.reader import RunLog

MEGABYTES = 8
POLL_BYTES = 256 << 10
"""Bytes that the engine parses at once; it reads on a quarter of a second later."""
KINDS = {
    "steps": "\rstep {0:05d} (4.1%) | loss: 3.{0:06d} | dt: 503ms "
    "| tok/sec: 1,041,624 | mfu: 45.4% | epoch: 1 | remaining: 168s    ",
    "messages": "2026-11-28 20:50:57,299 INFO loaded shard {0:06d} of the training data\n",
    "metric lines": "step:{0}/20000 val_loss:2.0{0} val_bpb:1.2{0} train_time:82000ms\n",
    "key: value": "mean_router_{0}: 0.9{0}\n",
}
MOST = {"steps": 100.0, "messages": 25.0, "metric lines": 220.0, "key: value": 50.0}
"""For each kind the aim: the largest ratio to the floor."""


def lines(kind: str, megabytes: float) -> bytes:
    """Return a log of one kind of lines of about this size."""
    text = KINDS[kind]
    count = int(megabytes * 1e6 / len(text))
    return "".join(text.format(number % 19_000) for number in range(count)).encode()


def parse(data: bytes) -> float:
    """Parse a log in the portions of the engine; return the processor seconds."""
    log, began = RunLog("val_bpb"), time.process_time()
    for start in range(0, len(data), POLL_BYTES):
        log.feed(data[start : start + POLL_BYTES])
    log.finish()
    return time.process_time() - began


def split(data: bytes) -> float:
    """Do the least that any reader of lines does; return the processor seconds."""
    began, found = time.process_time(), 0
    for start in range(0, len(data), POLL_BYTES):
        text = data[start : start + POLL_BYTES].decode("utf-8", "replace")
        found += sum("val_bpb" in line for line in text.splitlines())
    return time.process_time() - began


def main() -> int:
    """Measure each kind of log and print the figures; return 0 if they meet their aims, else 1."""
    quick = arguments(__doc__).parse_args().quick
    figures = Figures(judge=not quick)
    for kind, most in MOST.items():
        data = lines(kind, 0.2 if quick else MEGABYTES)
        readers = partial(parse, data), partial(split, data)
        seconds, floor = medians(alternate(1 if quick else 5, *readers))
        figures.show(f"{kind}, a megabyte", 1e9 * seconds / len(data), "ms")
        figures.ratio(f"{kind}, a megabyte", seconds, floor, at_most=most)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
