"""Finds the value of a metric in a line of a log, whatever form the line has.

The name may stand anywhere in the line, after any prefix, in another case or with other
separators: `val_loss: 0.9`, `METRIC val_loss=0.9`, `| Val Loss | 0.9 |`, `{"val_loss": 0.9}`, and
the columns of a table whose heading is the name. A name with another word before or after it, as in
`best val_loss`, is another figure, and a value that is a list or a date is none; such lines are
refused with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from engine.core.run_log.metric_columns import BARS, Columns
from engine.core.run_log.metric_context import NameContext, data_set
from engine.core.run_log.metric_objects import find_in_objects
from engine.core.run_log.values import PrintedValue, read_value

TEXT_CHARACTERS = 200
"""The most characters of a line that are kept to show it."""
_MOST_PER_LINE = 50
_BEFORE_CHARACTERS = 200
_JOINERS = r"[ \t_\-/.:\])>|]{0,3}"
_AFTER = re.compile(
    r"""[\\"'`*\])>}]*(?P<position>\s*[(\[][^()\[\]]{1,40}[)\]])?[\\"'`*]*(?:"""
    r"""(?P<pair>[,;\s]+\\?["']?(?:value|val|score|mean)\\?["']?\s*[:=]\s*)"""
    rf"|(?P<table>\s*[{BARS}](?:[\s↑↓±]{{0,40}}[{BARS}])*\s*)"
    r"|(?P<strong>\s*(?::=|[:=]=?>?|-+>|→|⟶|⇒)\s*)"
    r"|(?P<leader>\s*[.·…]{2,}\s*[:=]?\s*)"
    r"|(?P<tab>[ ]*\t\s*)"
    r"|(?P<phrase>\s+(?:on|(?:of|over|for|in)(?=\s+[A-Za-z]))\s+[^:=|{}]{1,60}?[:=]\s*)"
    r"|(?P<says>\s+(?:is|was|of|reached|equals?)\s+)"
    r"|(?P<comma>,)"
    r"|(?P<blank>[ \u00a0]+))"
)
_GOES_ON = re.compile(
    rf"\s*(?:$|[,;)\]}}({BARS}±]|\+/-|[-–·•]\s|\W*(?:at|@|after|in|on|for)\b\s*(?:step|epoch|iter|round)"
    r"|[\w@/.\-]+\s*[:=]\s*\S|(?:[\w@/.\-]+\s+){1,2}[+\-]?\.?\d)"
)
_FURTHER_NUMBERS = re.compile(
    r"\s*,\s*[+\-]?\.?\d[\d.eE+\-]*\s*(?:$|,\s*[+\-]?\.?\d)|(?:\s+[+\-]?\.?\d[\d.eE+\-]*)+\s*$"
)
_NEXT_CELL = re.compile(rf"\s*[{BARS}\t]\s*[+\-]?\.?\d[\d.,eE+\-%]*\s*(?:[{BARS}\t]|$)")
_HARMLESS_NOTE = re.compile(
    r"\s*[(\[]\s*(?:%|(?:m|u|µ|n)?s|secs?|seconds?|min|nats?|bits?|bp[bc]|db|[kmg]i?b|x"
    r"|[\w]+/(?:s|sec|step|token|it)|[↑↓]|(?:lower|higher)(?: is)? better|primary|final"
    r"|\D{0,12}(?:step|epoch|iter\w*|round)\W{0,3}[\d/]+)\s*[)\]]",
    re.I,
)
_DECIMAL_COMMAS = re.compile(r"\d,(?:\d{1,2}|\d{4,})(?!\d)")
_DECIMAL_POINT = re.compile(r"\d\.\d")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A place in a log where the metric's value is printed."""

    line: int
    """The line's number in the log, from 1."""
    text: str
    value: PrintedValue
    spelling: int
    """0: the name is spelled as asked for; 1: in another case; 2: with other separators."""
    before: str = ""
    """The text before the name, at most 200 characters; `object` or `column` inside such."""
    label: str = ""
    """The data set or class that a label such as `val:` or `cats:` names; empty for none."""

    @property
    def lead(self) -> str:
        """The last words before the name, which are the same for all steps and times."""
        if not self.before or self.before.isspace():
            return ""
        return " ".join(re.findall(r"[a-z]+", self.before.lower())[-6:])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A place in a log where the metric is named, and no value of it is read."""

    line: int
    text: str
    reason: str


class MetricLines:
    """Finds the values of one metric in the lines of a log, which are given one after another.

    Args:
        name: The metric's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        tokens = [t for t in re.split(r"[\s_\-/.:]+", name) if t] or [name]
        pattern = _JOINERS.join(map(re.escape, tokens))
        digits = "" if len(tokens) > 1 else r"0-9"
        self._name = re.compile(
            rf"(?<![A-Za-z_@/.\-{digits}]){pattern}(?![\w@]|[/.\-]\w)", re.IGNORECASE
        )
        self._hint = max(tokens, key=len).lower()
        self._context = NameContext(tokens)
        self._labelled: tuple[str, MetricLines] | None = None
        if self._context.begins_with_label:
            # `val acc` is also what follows the label in `Val: loss 0.4 acc 0.9`.
            rest = name[name.index(tokens[0]) + len(tokens[0]) :].lstrip(" _-/.:")
            self._labelled = data_set(tokens[0]), MetricLines(rest)
        self._columns: Columns | None = None
        self._decimal_comma = False

    def read(self, number: int, line: str) -> list[Occurrence | Refusal]:
        """Return what a line says about the metric, from left to right.

        Args:
            number: The line's number in the log.
            line: Its text, without escape sequences.
        """
        if self._hint not in line.lower():
            return self._read_cell(number, line) if self._columns is not None else []
        found: list[Occurrence | Refusal] = []
        text = line.strip()[:TEXT_CHARACTERS]
        if "{" in line:
            for item in find_in_objects(line, self._name, self.name):
                if isinstance(item, str):
                    found.append(Refusal(number, text, item))
                else:
                    value, key, label = item
                    label = "" if self._context.has_data_set else data_set(label)
                    found.append(
                        Occurrence(number, text, value, self._spelling(key), "object", label)
                    )
            if found:
                return found
        for match in self._name.finditer(line):
            found.append(self._read_at(number, text, line, match))
            if len(found) == _MOST_PER_LINE:
                break
        if not found and self._labelled is not None:
            label, lines = self._labelled
            read = lines.read(number, line)
            found = [
                replace(o, label="", spelling=2)
                for o in read
                if isinstance(o, Occurrence) and o.label == label
            ]
        if not any(isinstance(f, Occurrence) for f in found):
            columns = Columns.of_heading(line, self._name)
            if columns is not None:
                self._columns = columns
                return []
            if self._columns is not None:
                return self._read_cell(number, line) or found
        return found

    def _spelling(self, key: str) -> int:
        if key == self.name:
            return 0
        return 1 if key.lower() == self.name.lower() else 2

    def _read_at(
        self, number: int, text: str, line: str, match: re.Match[str]
    ) -> Occurrence | Refusal:
        before = line[max(0, match.start() - _BEFORE_CHARACTERS) : match.start()]
        other = self._context.other_figure(before)
        if other:
            return Refusal(number, text, f"`{other} {match[0]}` is another figure")
        after = _AFTER.match(line, match.end())
        if after is None:
            return self._in_brackets(number, text, line, match, before)
        note = after["position"]
        if note is not None and not _HARMLESS_NOTE.fullmatch(note):
            value = read_value(note)
            if isinstance(value, str) or note[value.end :].strip() not in (")", "]"):
                return Refusal(number, text, f"`{match[0]}{note}` is another figure")
        else:
            value = read_value(line, after.end(), decimal_comma=self._uses_comma(line))
        if isinstance(value, str):
            return Refusal(number, text, value)
        doubt = _doubt(after.lastgroup or "", before, line, value)
        if doubt:
            return Refusal(number, text, doubt)
        if value.note == "a decimal comma":
            self._decimal_comma = True
        return self._found(number, text, value, match[0], before)

    def _in_brackets(
        self, number: int, text: str, line: str, match: re.Match[str], before: str
    ) -> Occurrence | Refusal:
        """Read the form `name (value)` at the end of a line."""
        inside = re.match(r"\s*[(\[]\s*([^()\[\]]{1,40})[)\]]", line[match.end() :])
        value = read_value(inside[1]) if inside is not None else "no number follows"
        if isinstance(value, str) or (inside and inside[1][value.end :].strip()):
            return Refusal(number, text, "no number follows")
        return self._found(number, text, value, match[0], before)

    def _found(
        self, number: int, text: str, value: PrintedValue, name: str, before: str
    ) -> Occurrence:
        label = self._context.label(before)
        return Occurrence(number, text, value, self._spelling(name), before, label)

    def _uses_comma(self, line: str) -> bool:
        if self._decimal_comma or "," not in line:
            return self._decimal_comma
        return _DECIMAL_COMMAS.search(line) is not None and _DECIMAL_POINT.search(line) is None

    def _read_cell(self, number: int, line: str) -> list[Occurrence | Refusal]:
        """Read the metric's cell of a line below a table's heading."""
        assert self._columns is not None
        cell = self._columns.cell(line)
        if cell is None:
            if self._columns.ended:
                self._columns = None
            return []
        text = line.strip()[:TEXT_CHARACTERS]
        value = read_value(cell)
        if isinstance(value, str):
            return [Refusal(number, text, value)]
        note = value.note or f"below the heading `{self._columns.heading}`"
        spelling = self._spelling(self._columns.heading)
        return [Occurrence(number, text, replace(value, note=note), spelling, "column")]


def _doubt(form: str, before: str, line: str, value: PrintedValue) -> str:
    """Return why a number behind the metric's name is not its value; "" if it is.

    Args:
        form: The name of the group of `_AFTER` that matched between the name and the number.
        before: The text before the name.
        line: The whole line.
        value: The number.
    """
    rest = line[value.end :]
    if form == "comma" and (before.strip() or rest.strip()):
        return "a comma follows the name, as in a list of names"
    if form in ("table", "tab") and _NEXT_CELL.match(rest):
        return "its row of a table has several numbers"
    if _FURTHER_NUMBERS.match(rest):
        # The report of scikit-learn ends in a count.
        counted = re.fullmatch(r"\s{2,}\d+", rest) and "." in value.printed
        return "" if counted else "several numbers follow"
    if form == "blank" and not _GOES_ON.match(rest):
        return "it reads like a sentence"
    return ""
