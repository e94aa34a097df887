"""The work a function does, counted in lines of Python, and a limit for work that may never end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from types import FrameType
from typing import Any

from tests.world import DEADLINE_SECONDS


def lines_executed(function: Callable[[], object]) -> int:
    """Return how many lines of Python run while a function is called.

    The number is the same on a fast, a slow and a busy machine. What a single call into C does,
    a regular expression for example, counts as one line: see `ends_if_hung`.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    def counted() -> None:
        sys.settrace(trace)
        function()

    # In a thread of its own, so that the trace function of a measured run stays in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(copy_context().run, counted).result()
    return count


@contextmanager
def ends_if_hung() -> Iterator[None]:
    """Fail a block that is still at work after `DEADLINE_SECONDS`.

    For input so large that work in proportion to its size takes about a second, and work in
    proportion to the square of its size takes hours.

    Raises:
        TimeoutError: The block did not end.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still at work after {DEADLINE_SECONDS:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
