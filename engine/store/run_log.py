"""Parses a growing run.log into the run's progress, summary and last traceback.

It accepts real logs: hundreds of `\\r` without a newline, ANSI colours, UTF-16 from a redirect,
lines cut in the middle, tqdm bars.
"""

from __future__ import annotations

import codecs
import math
import re
from collections import deque
from dataclasses import dataclass, field

from engine.core.enums import Phase

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_STEP = re.compile(r"\bstep[\s:=#]*0*(\d+)", re.I)
_PERCENT = re.compile(r"(?:^|[\s(|])(\d{1,3}(?:\.\d+)?)\s?%")
_LOSS = re.compile(r"\b(?:train[_ ]?)?loss[\s:=]+(nan|inf|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.I)
_TOKENS = re.compile(r"\btok(?:ens)?/s(?:ec)?[\s:=]+([\d,]+(?:\.\d+)?)\s*([kKM]?)", re.I)
_REMAINING = re.compile(r"\bremaining[\s:=]+(\d+(?:\.\d+)?)\s*s", re.I)
_SUMMARY_LINE = re.compile(r"^\s*([A-Za-z][\w./ -]{0,63}?)\s*[:=]\s+(\S.{0,255})$")
_NUMBER = re.compile(r"[-+]?(?:\d[\d,_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_TRACEBACK = "Traceback (most recent call last):"
_MAX_LINE = 16_384
_TAIL_LINES = 60
_TRACEBACK_LINES = 60


@dataclass(frozen=True)
class LogProgress:
    """The latest progress that a run's log reports; None where it does not report a figure.

    `share` is the share of the training budget used so far, from 0 to 1.
    """

    phase: Phase = Phase.STARTING
    share: float | None = None
    step: int | None = None
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining_seconds: float | None = None


def parse_number(text: str) -> float | None:
    """Parse the number at the start of a value (`1,234.5`, `-3e-4`); None if there is none."""
    low = text.strip().lower()
    if low.startswith(("nan", "+nan", "-nan")):
        return math.nan
    if low.startswith(("inf", "+inf")):
        return math.inf
    if low.startswith("-inf"):
        return -math.inf
    match = _NUMBER.match(text.strip())
    if match is None:
        return None
    try:
        return float(match[0].replace(",", "").replace("_", ""))
    except ValueError:
        return None


@dataclass
class RunLog:
    """Parses one run's log: `feed` it bytes as they arrive, then read its attributes.

    Args:
        metric: The name of the metric, whose line holds the result.
    """

    metric: str
    progress: LogProgress = LogProgress()
    summary: dict[str, str] = field(default_factory=dict)
    """Values of `key: value` lines since the last `---` line, by key, at most 200."""
    metric_values: list[str] = field(default_factory=list)
    """Printed values of the lines `<metric>: value`, newest last, at most 1,000."""
    separators: int = 0
    """Number of `---` lines; a run prints one before its summary."""
    traceback: str = ""
    """The last Python traceback, possibly shortened or incomplete; empty if there is none."""
    saw_fail: bool = False
    """Whether any line consists of the word FAIL."""

    def __post_init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._pending = ""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._tracing: list[str] | None = None
        self._last_seen = ""
        # Lines are stripped: a lazy match before trailing blanks would take quadratic time.
        self._metric_line = re.compile(rf"^\s*{re.escape(self.metric)}\s*[:=]\s*(\S.*)$")

    # ---- bytes in

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the log, which may be cut anywhere, and update the attributes."""
        if self._decoder is None:
            self._head += data
            if len(self._head) < 4:
                return
            data, self._head = self._head, b""
            self._decoder = codecs.getincrementaldecoder(_encoding(data))(errors="replace")
        self._take(self._decoder.decode(data))

    def skip(self) -> None:
        """Parse the unfinished line as it is, because the bytes after it are missing."""
        if self._pending:
            self._line(self._pending)
            self._pending = ""

    def finish(self) -> None:
        """Parse the unfinished last line; call it once, when the log has ended."""
        if self._decoder is None and self._head:
            self._decoder = codecs.getincrementaldecoder(_encoding(self._head))(errors="replace")
            self._take(self._decoder.decode(self._head))
            self._head = b""
        if self._decoder is not None:
            self._take(self._decoder.decode(b"", True))
        if self._pending:
            self._line(self._pending)
            self._pending = ""
        self._end_traceback()

    def _take(self, text: str) -> None:
        text = self._pending + text.replace("\0", "")
        pieces = re.split(r"\r\n|[\r\n]", text)
        if text.endswith("\r"):
            # The \n of a \r\n may follow in the next bytes.
            pieces = [*pieces[:-2], pieces[-2] + "\r"] if len(pieces) > 1 else pieces
        self._pending = pieces.pop()
        for piece in pieces:
            self._line(piece)
        if len(self._pending) > _MAX_LINE:
            self._pending = self._pending[-_MAX_LINE:]
        elif self._pending:
            # A terminal already shows an unfinished progress line, so it counts.
            self._look_for_progress(_ANSI.sub("", self._pending))

    # ---- lines

    @property
    def tail(self) -> str:
        """The last 60 lines that are not empty; of successive progress updates only the newest."""
        return "\n".join(self._tail)

    def _line(self, raw: str) -> None:
        line = _ANSI.sub("", raw[:_MAX_LINE]).rstrip()
        if not line:
            return
        if self._look_for_progress(line):
            self._end_traceback()
            if self._tail and _STEP.search(self._tail[-1]):
                self._tail.pop()
            self._tail.append(line)
            return
        self._tail.append(line)
        if self._trace(line):
            return
        if line.strip("-=") == "" and len(line) >= 3 and line.startswith("---"):
            self.separators += 1
            self.summary.clear()
            self._set_phase(Phase.EVALUATING)
            return
        if line.strip() == "FAIL":
            self.saw_fail = True
        match = self._metric_line.match(line)
        if match is not None:
            self.metric_values = [*self.metric_values[-999:], match[1]]
        match = _SUMMARY_LINE.match(line)
        if match is not None and len(self.summary) < 200:
            self.summary[match[1].strip()] = match[2]

    def _trace(self, line: str) -> bool:
        if line.strip().endswith(_TRACEBACK):
            self._tracing = [line]
            return True
        if self._tracing is None:
            return False
        self._tracing.append(line)
        if len(self._tracing) > _TRACEBACK_LINES * 2:
            self._tracing = [self._tracing[0], "  …", *self._tracing[-_TRACEBACK_LINES:]]
        # The line of the exception itself is the first that is not indented.
        if not line.startswith((" ", "\t")):
            self._end_traceback()
        return True

    def _end_traceback(self) -> None:
        if self._tracing:
            self.traceback = "\n".join(self._tracing)
        self._tracing = None

    def _look_for_progress(self, line: str) -> bool:
        step, percent = _STEP.search(line), _PERCENT.search(line)
        loss = _LOSS.search(line)
        if loss is None and (step is None or percent is None):
            return False
        if step is None and percent is None:
            # `val_loss: 1.2` alone is a result, not progress.
            return False
        if line != self._last_seen:
            self._last_seen = line
            self._read_progress(line, step, percent, loss)
        return True

    def _read_progress(
        self,
        line: str,
        step: re.Match[str] | None,
        percent: re.Match[str] | None,
        loss: re.Match[str] | None,
    ) -> None:
        tokens, remaining = _TOKENS.search(line), _REMAINING.search(line)
        rate = None
        if tokens is not None:
            scale = {"": 1.0, "k": 1e3, "m": 1e6}[tokens[2].lower()]
            rate = float(tokens[1].replace(",", "") or 0) * scale
        share = min(float(percent[1]) / 100, 1.0) if percent is not None else self.progress.share
        left = float(remaining[1]) if remaining is not None else None
        phase = Phase.TRAINING
        if left == 0 or (share is not None and share >= 1):
            phase = Phase.EVALUATING
        elif share == 0 and self.progress.phase is Phase.STARTING:
            # Progress may stay at 0.0 % for many minutes while the model compiles.
            phase = Phase.STARTING
        self.progress = LogProgress(
            phase=phase,
            share=share,
            step=int(step[1]) if step is not None and len(step[1]) < 19 else self.progress.step,
            loss=float(loss[1]) if loss is not None else self.progress.loss,
            tokens_per_second=rate,
            remaining_seconds=left,
        )

    def _set_phase(self, phase: Phase) -> None:
        old = self.progress
        self.progress = LogProgress(phase, old.share, old.step, old.loss, None, None)

    # ---- results

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

    @property
    def metric_value(self) -> float | None:
        """The metric's value printed last; None if there is none or it is not a number."""
        return parse_number(self.metric_values[-1]) if self.metric_values else None


def _encoding(head: bytes) -> str:
    """Return a log's Python encoding by its first bytes: a byte-order mark, or UTF-16's NULs."""
    if head.startswith(b"\xff\xfe"):
        return "utf-16"
    if head.startswith(b"\xfe\xff"):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    sample = head[:512]
    if len(sample) >= 4 and sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    if len(sample) >= 4 and sample[0::2].count(0) > len(sample) // 4:
        return "utf-16-be"
    return "utf-8"
