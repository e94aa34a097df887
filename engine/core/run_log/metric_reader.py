"""Reads a run's metric by a `MetricRule`: from the lines of its log, or from a file it wrote."""

from __future__ import annotations

import json
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from engine.core.enums import Direction
from engine.core.run_log.metric_lines import (
    TEXT_CHARACTERS,
    MetricLines,
    Occurrence,
    Refusal,
)
from engine.core.run_log.metric_objects import parse_object
from engine.core.run_log.metric_paths import at_path, in_table
from engine.core.run_log.metric_rule import KEPT_VALUES, LAST, MetricRule, SourceKind
from engine.core.run_log.values import read_value

_KEPT_REFUSALS = 50
_PATTERN_CHARACTERS = 4096
"""The most characters of a line that a user's regular expression is applied to."""


@dataclass(frozen=True)
class MetricChoice:
    """The metric's value, and why it is that of all that were found."""

    value: float | None
    """The value; None where none was found, or it is not clear which one counts."""
    reason: str
    """A sentence that says which of the values counts, or why there is none."""
    chosen: Occurrence | None = None
    """The place where the value is printed; None for a mean, and without a value."""
    counted: tuple[Occurrence, ...] = ()
    """The newest places that were compared, oldest first, at most 1,000."""
    stray: Occurrence | None = None
    """A later place that gives another value, in another kind of line than the baseline's."""


@dataclass
class _Tally:
    """The values that were found of one spelling, label and unit."""

    count: int = 0
    first: Occurrence | None = None
    best: Occurrence | None = None
    recent: deque[Occurrence] = field(default_factory=lambda: deque(maxlen=KEPT_VALUES))

    def add(self, found: Occurrence, direction: Direction) -> None:
        self.count += 1
        self.first = self.first or found
        self.recent.append(found)
        number = found.value.number
        if (
            self.best is None
            or math.isnan(self.best.value.number)
            or direction.gain(number, self.best.value.number) > 0
        ):
            self.best = found


class MetricReader:
    """Collects the places where a metric is printed, and chooses the value that counts.

    Args:
        rule: The rule by which the metric is read.
    """

    def __init__(self, rule: MetricRule) -> None:
        self.rule = rule
        self._lines = MetricLines(rule.name)
        self._tallies: defaultdict[tuple[int, bool, str, bool], _Tally] = defaultdict(_Tally)
        self.refusals: deque[Refusal] = deque(maxlen=_KEPT_REFUSALS)
        """The newest places where the metric is named and no value was read."""

    def read_line(self, number: int, line: str) -> bool:
        """Collect what a line of the log, without escape sequences, says about the metric.

        Returns:
            True where the line has a value of it.
        """
        match self.rule.kind:
            case SourceKind.LOG:
                return self._add(self._lines.read(number, line))
            case SourceKind.PATTERN:
                return self._add(self._match_pattern(number, line))
            case SourceKind.JSON:
                if "{" in line or "[" in line:
                    content = parse_object(line)
                    if content is not None:
                        return self._add(at_path(number, line, content, self.rule.path))
            case SourceKind.FILE:
                pass
        return False

    def read_file(self, text: str) -> None:
        """Collect the metric's values from the text of the rule's file.

        The file holds JSON, JSON Lines, or a table with a heading for files called .csv or .tsv.
        """
        suffix = self.rule.file.rpartition(".")[2].lower()
        if suffix in ("csv", "tsv"):
            self._add(in_table(text, "\t" if suffix == "tsv" else ",", self.rule.path))
            return
        try:
            self._add(at_path(1, text, json.loads(text), self.rule.path))
            return
        except (ValueError, RecursionError) as error:
            reason = str(error)
        found = False
        for number, line in enumerate(text.splitlines(), start=1):
            content = parse_object(line)
            if content is not None:
                found = True
                self._add(at_path(number, line, content, self.rule.path))
        if not found:
            self.refuse(f"{self.rule.file} is neither JSON nor JSON Lines ({reason})")

    def refuse(self, reason: str) -> None:
        """Record why the rule's file gives no value."""
        self.refusals.append(Refusal(0, self.rule.file, reason))

    def _match_pattern(self, number: int, line: str) -> Iterator[Occurrence | Refusal]:
        for match in self.rule.pattern.finditer(line[:_PATTERN_CHARACTERS]):
            group = "value" if "value" in self.rule.pattern.groupindex else 1
            value = read_value(match[group] or "")
            text = line.strip()[:TEXT_CHARACTERS]
            if isinstance(value, str):
                yield Refusal(number, text, value)
            else:
                yield Occurrence(number, text, value, 0)

    def _add(self, items: Iterable[Occurrence | Refusal]) -> bool:
        found = False
        for item in items:
            if isinstance(item, Refusal):
                self.refusals.append(item)
                continue
            found = True
            other = self.rule.lead is not None and item.lead != self.rule.lead
            key = (item.spelling, other, item.label, item.value.percent)
            self._tallies[key].add(item, self.rule.direction)
        return found

    @property
    def occurrences(self) -> list[Occurrence]:
        """All places that are kept where a value is printed, in the order of the log."""
        found = [o for tally in self._tallies.values() for o in tally.recent]
        return sorted(found, key=lambda o: o.line)

    def choose(self) -> MetricChoice:
        """Return the value that counts by the rule, with the reason."""
        if not self._tallies:
            return MetricChoice(None, self._why_nothing())
        best = min(key[:2] for key in self._tallies)
        labels = sorted({key[2] for key in self._tallies if key[:2] == best})
        name = self.rule.name
        if len(labels) > 1 and labels[0]:
            names = " or ".join(f'--metric "{label} {name}"' for label in labels[:3])
            return MetricChoice(
                None, f"the log gives {name} for {' and '.join(labels[:9])}: name one with {names}"
            )
        same = {key: t for key, t in self._tallies.items() if key[:3] == (*best, labels[0])}
        # Percents and shares are not compared with each other: the newest says which counts.
        tally = max(same.values(), key=lambda t: t.recent[-1].line)
        choice = self._pick(tally)
        percent = tally.recent[-1].value.percent
        others = self._tallies.get((best[0], True, labels[0], percent))
        stray = others.recent[-1] if others is not None and not best[1] else None
        if stray is None or stray.line < tally.recent[-1].line:
            return choice
        return choice if stray.value.number == choice.value else replace(choice, stray=stray)

    def _pick(self, tally: _Tally) -> MetricChoice:
        counted, count = tuple(tally.recent), tally.count
        assert tally.first is not None and tally.best is not None
        mean_of = self.rule.mean_of
        if mean_of is not None:
            last = counted[-mean_of:]
            mean = math.fsum(o.value.number for o in last) / len(last)
            return MetricChoice(
                mean, f"the mean of the last {len(last)} of {count} values", None, counted
            )
        chosen = {"best": tally.best, "first": tally.first}.get(self.rule.pick, counted[-1])
        which = self.rule.pick if self.rule.pick in ("best", "first") else LAST
        reason = "the only value" if count == 1 else f"the {which} of {count} values"
        return MetricChoice(chosen.value.number, reason, chosen, counted)

    def _why_nothing(self) -> str:
        where = self.rule.file or "the log"
        match self.rule.kind:
            case SourceKind.PATTERN:
                reason = f"no line matches {self.rule.pattern.pattern}"
            case SourceKind.JSON:
                reason = f"no JSON line has a value at {self.rule.path}"
            case SourceKind.FILE:
                reason = f"{where} has no value at {self.rule.path}"
            case _:
                reason = f"no line names {self.rule.name}"
        if not self.refusals:
            return reason
        shown: dict[str, None] = {}
        for refusal in reversed(self.refusals):
            at = f"line {refusal.line}: " if refusal.line else ""
            shown[f"{at}{refusal.text[:80]!r}: {refusal.reason}" if at else refusal.reason] = None
            if len(shown) == 3:
                break
        return "; ".join(shown)
