"""Parses a growing run.log into the run's progress, summary, metric and error.

It accepts real logs: hundreds of `\\r` without a newline, ANSI colours, UTF-16 from a redirect,
lines cut in the middle, tqdm bars.
"""

from __future__ import annotations

import math
from collections import deque

from engine.core.curves.curve import CurveBuilder
from engine.core.run_log.decoder import LineDecoder
from engine.core.run_log.failure import FailureReader
from engine.core.run_log.metric_reader import MetricChoice, MetricReader
from engine.core.run_log.metric_rule import LAST, MetricRule
from engine.core.run_log.progress import (
    LogProgress,
    after_training,
    is_update,
    read_progress,
)
from engine.core.run_log.summary import SummaryReader
from engine.core.run_log.values import parse_number

_TAIL_LINES = 60


class RunLog:
    """Parses one run's log: `feed` it bytes as they arrive, then read its attributes.

    Args:
        metric: The rule by which the metric is read, or just its name.
    """

    def __init__(self, metric: MetricRule | str) -> None:
        rule = MetricRule(name=metric) if isinstance(metric, str) else metric
        self.metric = rule.name
        """The metric's name."""
        self.metric_reader = MetricReader(rule)
        """The places where the metric is printed."""
        self.failure = FailureReader()
        """The tracebacks and other errors."""
        self.progress = LogProgress()
        self.curve = CurveBuilder()
        """The loss curve that the progress lines make."""
        self.saw_fail = False
        """Whether any line consists of the word FAIL."""
        self._lines = LineDecoder()
        self._summary = SummaryReader()
        self.last_lines: deque[tuple[int, str]] = deque(maxlen=_TAIL_LINES)
        """The last 60 lines that are not empty, numbered; of progress updates only the newest."""
        self._last_seen = ""

    # ---- bytes in

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the log, which may be cut anywhere, and update the attributes."""
        for number, line in self._lines.feed(data):
            self._line(number, line)
        unfinished = self._lines.unfinished
        if unfinished:
            # A terminal already shows an unfinished progress line, so its whole words count.
            self._see_progress(unfinished)

    def skip(self) -> None:
        """Parse the unfinished line as it is, because the bytes after it are missing."""
        for number, line in self._lines.skip():
            self._line(number, line)

    def finish(self) -> None:
        """Parse the unfinished last line; call it once, when the log has ended."""
        for number, line in self._lines.finish():
            self._line(number, line)
        self.curve.finish()

    # ---- lines

    def _line(self, number: int, line: str) -> None:
        if not line:
            return
        if self._see_progress(line):
            now = self.progress
            self.curve.add(now.share, now.step, now.loss)
            if line.endswith("last):"):
                # A progress line without an end, and behind it the head of a traceback.
                self.failure.read(number, line)
            else:
                self.failure.interrupt()
            if self.last_lines and is_update(self.last_lines[-1][1]):
                self.last_lines.pop()
            self.last_lines.append((number, line))
            self._read_metric(number, line)
            return
        self.last_lines.append((number, line))
        if self.failure.read(number, line):
            return
        if line.strip() == "FAIL":
            self.saw_fail = True
        self._read_metric(number, line)
        if self._summary.read(line):
            self.progress = after_training(self.progress)

    def _read_metric(self, number: int, line: str) -> None:
        if self.metric_reader.read_line(number, line):
            self.failure.show_result(number)

    def _see_progress(self, line: str) -> bool:
        if line == self._last_seen:
            return True
        progress = read_progress(line, self.progress)
        if progress is None:
            return False
        self._last_seen, self.progress = line, progress
        return True

    # ---- results

    def is_progress(self, line: str) -> bool:
        """Return whether a line of the log, read by now, is a progress line."""
        return read_progress(line, self.progress) is not None

    @property
    def tail(self) -> str:
        """The text of `last_lines`."""
        return "\n".join(line for _, line in self.last_lines)

    @property
    def line_count(self) -> int:
        """The number of lines of the log so far."""
        return self._lines.count

    @property
    def summary(self) -> dict[str, str]:
        """Values of `key: value` lines since the last summary began, by key, at most 200."""
        return self._summary.values

    @property
    def separators(self) -> int:
        """The number of `---` lines before which, as in karpathy's train.py, a summary begins."""
        return self._summary.count

    @property
    def summary_values(self) -> list[str]:
        """The metric's values in the summaries, as printed; one that contradicts another is odd."""
        blocks = self._summary.blocks
        return [block[self.metric] for block in blocks if self.metric in block]

    @property
    def traceback(self) -> str:
        """The Python traceback that matters most, possibly shortened; empty if there is none."""
        return self.failure.traceback

    @property
    def choice(self) -> MetricChoice:
        """The metric's value by the rule, with the reason."""
        return self.metric_reader.choose()

    @property
    def metric_value(self) -> float | None:
        """The metric's value; None if there is none."""
        return self.choice.value

    @property
    def lead(self) -> str | None:
        """The words before the metric's name in the line that gave its value; None for no line."""
        chosen = self.choice.chosen
        return None if chosen is None or self.metric_reader.rule.source else chosen.lead

    @property
    def has_last_value(self) -> bool:
        """Return whether the metric's last value counts, and is known."""
        rule = self.metric_reader.rule
        return rule.pick == LAST and self.choice.value is not None

    def number(self, key: str) -> float | None:
        """Return the summary's value for `key` as a number; None if missing or not a number.

        It may be infinite or NaN; see `figure`.
        """
        text = self.summary.get(key)
        return None if text is None else parse_number(text)

    def figure(self, key: str) -> float | None:
        """Return the summary's value for `key` as a finite number; None for any other value."""
        value = self.number(key)
        return value if value is not None and math.isfinite(value) else None
