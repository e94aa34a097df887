"""A clock that moves the time of the running event loop, so that a limit is reached at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class LoopClock:
    """Adds seconds to the time of the running event loop.

    A test gives the code under test a limit of many minutes, waits until the code is where the
    limit counts, and then moves the clock past it. The result is the same on any machine.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._real: Callable[[], float] = self._loop.time
        self._ahead = 0.0
        self._loop.time = self._time  # type: ignore[method-assign]

    def _time(self) -> float:
        return self._real() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and wake the loop so that it looks at its timers."""
        self._ahead += seconds
        self._loop.call_soon_threadsafe(lambda: None)

    def close(self) -> None:
        """Give the loop its own time back."""
        self._loop.time = self._real  # type: ignore[method-assign]


@contextmanager
def loop_clock() -> Iterator[LoopClock]:
    """Yield a clock of the running loop; the loop's own time returns afterwards."""
    clock = LoopClock()
    try:
        yield clock
    finally:
        clock.close()
