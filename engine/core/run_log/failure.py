"""Keeps the part of a failed run's log that says why it failed.

That is a Python traceback with its whole message and its first cause, also where each line has a
prefix such as `[rank0]:`, or the errors of a compiler. Tracebacks that follow from the failure, or
that the program survived, are only used where there is no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = "Traceback (most recent call last):"
_LINES = 60
_CAUSE_LINES = 16
_MESSAGE_LINES = 15
_MOST_TRACES = 12
_MOST_OPEN = 16
_STALE_LINES = 100
"""Lines after a traceback that show that the program went on."""
_LAST_WORDS = 30
"""Lines that launchers and loggers print after the error that ended a program, at most."""
_CHAINED = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):$"
)
_SECONDARY = re.compile(
    r"Exception ignored (?:in|on|while)\b|Error in atexit\.|Exception in (?:thread|callback)\b"
    r"|--- Logging error ---|(?:Task|Future) exception was never retrieved|Error in sys\.excepthook"
)
_ANNOUNCED_LINES = 2
"""Lines within which the traceback follows that such a line announces."""
_ANNOUNCERS = ("Exc", "Err", "---", "Tas", "Fut")
_LAUNCHER = re.compile(r"(?:[\w.]+\.)?(?:ChildFailedError|CalledProcessError|SystemExit)\b")
_OF_OTHER_RANKS = re.compile(
    r"(?:[\w.]+\.)?(?:DistBackendError|DistNetworkError|SignalException|KeyboardInterrupt)\b"
    r"|.*(?:NCCL|Gloo|TCPStore|[Cc]onnection (?:closed|reset) by peer)"
)
_MESSAGE_ENDS = re.compile(
    r"wandb:|[EWIF]\d{4} \d\d:|\d{4}-\d\d-\d\d|\[[\w.:,\- ]{1,30}\]|(?:INFO|WARNING|DEBUG|ERROR)\b"
    r"|srun:|slurmstepd:|make(?:\[\d+\])?:|Exception ignored|\s*0%\|"
)
_ERROR = re.compile(
    r"(?:^|[\s:])(?:fatal |internal compiler )?error(?:\s+[A-Z]+\d+|\[\w+\])?\s*:\s*\S"
    r"|^ERROR: \S|^Error: \S|^[\w.]*Error: \S|^(?:nvcc|ptxas|clang|ld)\b.{0,300}(?:error|fatal)"
    r"|undefined (?:reference|symbol)|^FAILED: "
    r"|\*\*\* \[.{0,300}Error \d|^\s*what\(\):"
    r"|^terminate called|[Aa]ssertion .{0,300}failed|panicked at|Segmentation fault"
    r"|^Fatal Python error"
    r"|^[A-Z]\w*(?:Error|Exception)\b: "
)
_CLOCK = re.compile(r"\d\d:\d\d")


@dataclass
class _Trace:
    """A traceback: its lines, and what stands around it."""

    start: int
    prefix: str
    lines: list[str]
    secondary: bool
    cause: _Trace | None
    message: list[str] = field(default_factory=list)
    end: int = 0
    ended: bool = False
    """Whether the exception's own line was read."""

    @property
    def exception(self) -> str:
        """The line that names the exception; empty where the traceback was cut off."""
        return self.lines[-1] if self.ended else ""


class FailureReader:
    """Collects tracebacks and errors from the lines of a log, which are given in order."""

    def __init__(self) -> None:
        self._traces: list[_Trace] = []
        self._open: dict[str, _Trace] = {}
        self._following: _Trace | None = None
        """The traceback whose message may go on in the next lines."""
        self._chained_to: _Trace | None = None
        self._announced = -_ANNOUNCED_LINES - 1
        """The number of the last line that announces a traceback which is not the reason."""
        self._errors: list[tuple[int, str]] = []
        self._last_errors: list[tuple[int, str]] = []
        self._line = 0
        self._showed_result = 0

    # ---- lines in

    def read(self, number: int, line: str) -> bool:
        """Collect a line that is not empty; return True where it belongs to a traceback.

        Args:
            number: The line's number in the log.
            line: Its text, without escape sequences and blanks at the end.
        """
        self._line = number
        if line.endswith(_HEAD):
            self._begin(number, line)
            return True
        if self._open:
            for prefix, trace in self._open.items():
                content = _without_prefix(line, prefix)
                if content is not None:
                    self._continue(trace, number, content)
                    return True
            if self._settle_prefix(number, line):
                return True
        if line.startswith(_ANNOUNCERS) and _SECONDARY.match(line) is not None:
            self._announced = number
        if self._following is not None:
            self._follow(line)
        if _may_be_error(line) and _ERROR.search(line):
            self._add_error(number, line)
        elif self._last_errors and number - self._last_errors[-1][0] <= 2:
            # The source line and the mark below it.
            self._add_context(number, line)
        return False

    def interrupt(self) -> None:
        """End the tracebacks that are not complete, because a progress line came."""
        for trace in self._open.values():
            self._keep(trace)
        self._open.clear()
        self._following = None

    def show_result(self, number: int) -> None:
        """Note that a line shows the metric: the program survived the tracebacks before it."""
        self._showed_result = number

    def _begin(self, number: int, line: str) -> None:
        prefix = line[: -len(_HEAD)]
        if not prefix.strip() or prefix.strip().endswith("Exception Group"):
            prefix = ""
        if prefix in self._open:
            self._keep(self._open.pop(prefix))
        if len(self._open) >= _MOST_OPEN:
            self.interrupt()
        cause = self._chained_to
        same = cause is not None and cause.prefix == prefix
        secondary = number - self._announced <= _ANNOUNCED_LINES
        self._open[prefix] = _Trace(number, prefix, [line], secondary, cause if same else None)
        self._chained_to = self._following = None

    def _settle_prefix(self, number: int, line: str) -> bool:
        """Take a text before a traceback's head for no prefix where the next line has none."""
        for prefix, trace in list(self._open.items()):
            if len(trace.lines) == 1 and prefix and line.startswith((" ", "\t")):
                del self._open[prefix]
                trace.prefix = ""
                self._open[""] = trace
                self._continue(trace, number, line)
                return True
        return False

    def _continue(self, trace: _Trace, number: int, line: str) -> None:
        trace.lines.append(line)
        trace.end = number
        if len(trace.lines) > _LINES * 2:
            trace.lines = [trace.lines[0], "  …", *trace.lines[-_LINES:]]
        # The line of the exception itself is the first that is not indented.
        if line and not line.startswith((" ", "\t")):
            trace.ended = True
            del self._open[trace.prefix]
            self._keep(trace)
            self._following = trace

    def _follow(self, line: str) -> None:
        trace = self._following
        assert trace is not None
        content = _without_prefix(line, trace.prefix)
        if content is None:
            return
        if _CHAINED.match(content):
            self._chained_to, self._following = trace, None
        elif (
            len(trace.message) == _MESSAGE_LINES
            or _MESSAGE_ENDS.match(content)
            or _SECONDARY.match(content)
        ):
            self._following = None
        else:
            trace.message.append(content)

    def _keep(self, trace: _Trace) -> None:
        trace.end = trace.end or trace.start
        self._traces.append(trace)
        if len(self._traces) > _MOST_TRACES:
            # The first is kept: what fails later often follows from it.
            del self._traces[1]

    def _add_error(self, number: int, line: str) -> None:
        item = (number, line[:500])
        if len(self._errors) < 9:
            self._errors.append(item)
        self._last_errors = [*self._last_errors[-5:], item]

    def _add_context(self, number: int, line: str) -> None:
        if self._errors and number - self._errors[-1][0] <= 1 and len(self._errors) < 9:
            self._errors.append((number, line[:500]))

    # ---- what failed

    @property
    def traceback(self) -> str:
        """The traceback that matters most, without its message's further lines; empty for none."""
        trace = self._main()
        return "" if trace is None else "\n".join(trace.lines)

    @property
    def is_stale(self) -> bool:
        """Return whether the program went on after the traceback that matters most."""
        trace = self._main()
        if trace is None:
            return False
        return self._line - trace.end > _STALE_LINES or self._showed_result > trace.end

    @property
    def ends_the_log(self) -> bool:
        """Return whether there is an error, and few lines after it."""
        evidence = self.evidence
        return bool(evidence) and not self.is_stale and self._line - evidence[-1][0] <= _LAST_WORDS

    @property
    def evidence(self) -> list[tuple[int, str]]:
        """The lines that name what failed, with their numbers: exceptions and compiler errors."""
        trace = self._main()
        lines = [] if trace is None else [(trace.end, trace.lines[-1])]
        if trace is not None and (root := _root(trace)) is not trace:
            lines.insert(0, (root.end, root.lines[-1]))
        return sorted({*lines, *self._errors[:6]})

    def text(self) -> str:
        """Return the error as text: the first cause, the traceback, its message, other errors."""
        parts: list[str] = []
        trace = self._main()
        if trace is not None:
            root = _root(trace)
            if root is not trace:
                parts += [*_shortened(root, _CAUSE_LINES), *root.message, "", "which led to:", ""]
            parts += _shortened(trace, _LINES)
            if not self.is_stale:
                parts += trace.message
        shown = set(parts)
        parts += [line for _, line in self._errors if line not in shown]
        return "\n".join(parts)

    def _main(self) -> _Trace | None:
        traces = [*self._traces, *self._open.values()]
        primary = [t for t in traces if not t.secondary] or traces
        own = [t for t in primary if not _LAUNCHER.match(t.exception)] or primary
        if not own:
            return None
        last = own[-1]
        if last.prefix:
            # Of several ranks the first to fail is the reason, the others lost their connection.
            ranks = [t for t in own if t.prefix and not _OF_OTHER_RANKS.match(t.exception)]
            first = ranks[0] if ranks else last
            return next((t for t in reversed(own) if _root(t) is _root(first)), first)
        return last


def _may_be_error(line: str) -> bool:
    """Return whether a line has a word of those that `_ERROR` looks for; it is much faster."""
    return (
        "rror" in line
        or "RROR" in line
        or "ailed" in line
        or "AILED" in line
        or "xception" in line
        or "what()" in line
        or "undefined" in line
        or "terminate called" in line
        or "panicked" in line
        or "fault" in line
        or "atal" in line
    )


def _root(trace: _Trace) -> _Trace:
    while trace.cause is not None:
        trace = trace.cause
    return trace


def _shortened(trace: _Trace, limit: int) -> list[str]:
    """Return a traceback's lines, and the first and the last of them where there are more."""
    lines = trace.lines
    return lines if len(lines) <= limit else [lines[0], "  …", *lines[-limit + 2 :]]


def _without_prefix(line: str, prefix: str) -> str | None:
    """Return a line without the prefix that its traceback has; None where it has another."""
    if not prefix:
        return line
    if line.startswith(prefix):
        return line[len(prefix) :]
    bare = prefix.rstrip()
    if line == bare:
        return ""
    if _CLOCK.search(prefix):
        head = line[: len(prefix)]
        if re.sub(r"\d", "0", head) == re.sub(r"\d", "0", prefix):
            return line[len(prefix) :]
    return None
