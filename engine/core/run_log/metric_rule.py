"""Defines from where a metric's value is read, and which of several values counts."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum

from engine.core.enums import Direction

LAST = "last"
KEPT_VALUES = 1000
"""The most recent values of a metric that are kept of one log."""
_MEAN = re.compile(r"mean[ -]of[ -]last[ -](\d{1,4})")
_PATTERN, _JSON = "re:", "json:"


class SourceKind(StrEnum):
    """The kinds of places from which the metric can be read."""

    LOG = "log"
    PATTERN = "pattern"
    JSON = "json"
    FILE = "file"


@dataclass(frozen=True, kw_only=True)
class MetricRule:
    """The rule by which a run's metric is read.

    `source` and `pick` are written as the settings `metric_from` and `metric_pick`.
    """

    name: str
    direction: Direction = Direction.MIN
    source: str = ""
    pick: str = LAST
    lead: str | None = None
    """The words before the metric's name in the line that gave the baseline's value; of several
    lines those count where they are the same. None: any line counts.
    """

    @property
    def kind(self) -> SourceKind:
        """The kind of place from which the metric is read."""
        if not self.source:
            return SourceKind.LOG
        if self.source.startswith(_PATTERN):
            return SourceKind.PATTERN
        return SourceKind.JSON if self.source.startswith(_JSON) else SourceKind.FILE

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression that finds the value in a line, for the kind `pattern`."""
        return re.compile(self.source.removeprefix(_PATTERN))

    @property
    def file(self) -> str:
        """The file's path in the workspace, for the kind `file`; else empty."""
        return self.source.partition(":")[0] if self.kind is SourceKind.FILE else ""

    @property
    def path(self) -> str:
        """The path of keys, or the column, that holds the value, for the kinds `json` and `file`.

        The metric's name where none is given.
        """
        return self.source.partition(":")[2] or self.name

    @property
    def mean_of(self) -> int | None:
        """How many of the last values are averaged; None where one value counts."""
        match = _MEAN.fullmatch(self.pick)
        return int(match[1]) if match is not None else None

    @property
    def is_usual(self) -> bool:
        """Return whether it is the last value in the log that counts."""
        return not self.source and self.pick == LAST

    @property
    def which(self) -> str:
        """Which of several values counts, such as `the last value`."""
        count = self.mean_of
        return f"the mean of the last {count} values" if count else f"the {self.pick} value"

    def text(self) -> str:
        """Return the rule as text, such as `the last value in results.json at val.bpb`."""
        which = self.which
        match self.kind:
            case SourceKind.LOG:
                return f"{which} of {self.name} in the log"
            case SourceKind.PATTERN:
                return f"{which} in the log that {self.pattern.pattern} finds"
            case SourceKind.JSON:
                return f"{which} in the log's JSON lines at {self.path}"
            case SourceKind.FILE:
                return f"{which} in {self.file} at {self.path}"


def pick_mismatch(text: str) -> str:
    """Return what is expected instead of a value of `metric_pick`, or "" where it is valid."""
    match = _MEAN.fullmatch(text)
    if text in (LAST, "best", "first") or (match and 1 <= int(match[1]) <= KEPT_VALUES):
        return ""
    return f'"last", "best", "first" or "mean of last 5", with at most {KEPT_VALUES} values'


def source_mismatch(text: str) -> str:
    """Return what is expected instead of a value of `metric_from`, or "" where it is valid."""
    if not text:
        return ""
    if re.search(r"[\n\r\0]", text):
        return "one line of text"
    rule = MetricRule(name="metric", source=text)
    match rule.kind:
        case SourceKind.PATTERN:
            return _pattern_mismatch(text.removeprefix(_PATTERN))
        case SourceKind.JSON:
            return "" if text.removeprefix(_JSON).strip() else "a path of keys, as in json:val.bpb"
        case _:
            inside = not rule.file.startswith("/") and ".." not in rule.file.split("/")
            if rule.file.strip() and inside:
                return ""
            return "a file inside the workspace with a path of keys, as in results.json:val.bpb"


def _pattern_mismatch(text: str) -> str:
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"a regular expression ({error})"
    if not text or pattern.groups == 0:
        return r"a regular expression with a group for the number, as in re:best loss (\S+)"
    return ""
