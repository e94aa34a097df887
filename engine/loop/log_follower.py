"""Reads and parses a run's log, as it grows and to its end."""

from __future__ import annotations

import os

from engine.core.run_log.metric_rule import MetricRule
from engine.core.run_log.reader import RunLog
from engine.executors.local import RunHandle

_CHUNK_BYTES = 1 << 20
_SKIP_BEHIND_BYTES = 4 << 20
_MOST_PARSED_BYTES = 256 << 20


class LogFollower:
    """Reads and parses one run's log.

    Args:
        handle: Gives access to the run's files.
        rule: The rule by which the metric is read.
    """

    def __init__(self, handle: RunHandle, rule: MetricRule) -> None:
        self.log = RunLog(rule)
        self._handle = handle
        self._rule = rule
        self._fd = -1
        self._position = 0
        self._skipped = False
        """Whether a part of the log was not parsed, because it grew too fast."""

    def read(self, at_most: int | None) -> bool:
        """Read and parse what was appended to the log since the last call.

        Args:
            at_most: The most bytes to read, so that a flooded log cannot block the loop; None: all.

        Returns:
            True where anything was read.
        """
        if self._fd < 0:
            try:
                # Held open: when the supervisor replaces a capped log at the end, the whole one is
                # still readable here.
                self._fd = self._handle.open_log()
            except OSError:
                return False
        size, grew = os.fstat(self._fd).st_size, False
        if size - self._position > _SKIP_BEHIND_BYTES:
            self.log.skip()
            self._position = size - _CHUNK_BYTES
            self._skipped = True
        budget = size - self._position if at_most is None else min(at_most, size - self._position)
        while budget > 0:
            data = os.pread(self._fd, min(_CHUNK_BYTES, budget), self._position)
            if not data:
                break
            grew = True
            self._position += len(data)
            budget -= len(data)
            self.log.feed(data)
        return grew

    def read_all(self) -> RunLog:
        """Read the rest of an ended run's log, close it, and return it as parsed.

        A log of which a part was skipped is parsed again, if that part may hold the metric.
        """
        self.read(None)
        self.log.finish()
        if self._skipped and not self.log.has_last_value:
            self.log = self._parse_whole()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        return self.log

    def _parse_whole(self) -> RunLog:
        """Return the log, parsed from its beginning, or at least its last 256 MiB."""
        log = RunLog(self._rule)
        position = max(0, self._position - _MOST_PARSED_BYTES)
        while data := os.pread(self._fd, _CHUNK_BYTES, position):
            position += len(data)
            log.feed(data)
        log.finish()
        return log
