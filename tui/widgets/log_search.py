"""Searches a log of any size for a text, in short steps between which keys can be handled."""

from __future__ import annotations

from time import perf_counter

from engine.store.log_file import LogFile

_SEARCH_BYTES = 256 * 1024


class LogSearch:
    """Searches a whole log once, from one line on and around the ends, 256 KiB in each step.

    Args:
        log: The log to search; if its file is replaced, the search ends without a hit.
        needle: The text to find, in lower case.
        line: The number of the line to begin at, from 0; searched last if `forward` is False.
        forward: False to search towards the first line.
    """

    def __init__(self, log: LogFile, needle: str, line: int, forward: bool) -> None:
        self.log = log
        self.needle = needle
        self.hit: int | None = None
        self.done = False
        self.slice_seconds = 0.0
        self._forward = forward
        self._generation = log.generation
        end = log.indexed
        start = log.offset(line) if line < len(log) else end
        first, second = (start, end), (0, start)
        self._ranges = [first, second] if forward else [second, first]

    def step(self) -> None:
        """Search 256 KiB more; set `hit` to a line found, and `done` when the search is over."""
        began = perf_counter()
        if not self._ranges or self.log.generation != self._generation:
            self.done = True
            return
        low, high = self._ranges[0]
        if self._forward:
            piece = (low, min(high, low + _SEARCH_BYTES))
            rest = (piece[1], high)
        else:
            piece = (max(low, high - _SEARCH_BYTES), high)
            rest = (low, piece[0])
        if piece[0] < piece[1]:
            self.hit = self.log.find(self.needle, *piece, forward=self._forward)
        if rest[0] < rest[1]:
            self._ranges[0] = rest
        else:
            del self._ranges[0]
        self.done = self.hit is not None or not self._ranges
        self.slice_seconds += perf_counter() - began
