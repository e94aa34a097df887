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

from engine.core.run_log.metric_objects import find_in_objects
from engine.core.run_log.values import PrintedValue, read_value

TEXT_CHARACTERS = 200
"""The most characters of a line that are kept to show it."""
_MOST_PER_LINE = 50
_JOINERS = r"[ \t_\-/.:\])>|]{0,3}"
_BAR = "|│┃║┆¦"
_AFTER = re.compile(
    r"""[\\"'`*\])>}]*(?P<position>\s*[(\[][^()\[\]]{1,40}[)\]])?[\\"'`*]*(?:"""
    r"""(?P<pair>[,;\s]+\\?["']?(?:value|val|score|mean)\\?["']?\s*[:=]\s*)"""
    rf"|(?P<table>\s*[{_BAR}](?:\s*[↑↓±]?\s*[{_BAR}])*\s*)"
    r"|(?P<strong>\s*(?::=|[:=]=?>?|-+>|→|⟶|⇒)\s*)"
    r"|(?P<leader>\s*[.·…]{2,}\s*[:=]?\s*)"
    r"|(?P<tab>[ ]*\t\s*)"
    r"|(?P<phrase>\s+(?:on|(?:of|over|for|in)(?=\s+[A-Za-z]))\s+[^:=|{}]{1,60}?\s*[:=]\s*)"
    r"|(?P<says>\s+(?:is|was|of|reached|equals?)\s+)"
    r"|(?P<comma>,)"
    r"|(?P<blank>[ \u00a0]+))"
)
_GOES_ON = re.compile(
    rf"\s*(?:$|[,;)\]}}({_BAR}±]|\+/-|[-–·•]\s|\W*(?:at|@|after|in|on|for)\b\s*(?:step|epoch|iter|round)"
    r"|[\w@/.\-]+\s*[:=]\s*\S|(?:[\w@/.\-]+\s+){1,2}[+\-]?\.?\d)"
)
_FURTHER_NUMBERS = re.compile(
    r"\s*,\s*[+\-]?\.?\d[\d.eE+\-]*\s*(?:$|,\s*[+\-]?\.?\d)|(?:\s+[+\-]?\.?\d[\d.eE+\-]*)+\s*$"
)
_NEXT_CELL = re.compile(rf"\s*[{_BAR}\t]\s*[+\-]?\.?\d[\d.,eE+\-%]*\s*(?:[{_BAR}\t]|$)")
_HARMLESS_NOTE = re.compile(
    r"\s*[(\[]\s*(?:%|(?:m|u|µ|n)?s|secs?|seconds?|min|nats?|bits?|bp[bc]|db|[kmg]i?b|x"
    r"|[\w]+/(?:s|sec|step|token|it)|[↑↓]|(?:lower|higher)(?: is)? better|primary|final"
    r"|\D{0,12}(?:step|epoch|iter\w*|round)\W{0,3}[\d/]+)\s*[)\]]",
    re.I,
)
_WORD_BEFORE = re.compile(r"(?:^|[\s|,;:=(\[{>])([A-Za-z][A-Za-z\-]*)[ \t]+$")
_MARKED_BEFORE = re.compile(
    r"\b(best|min|max|lowest|highest|prev(?:ious)?|target|baseline|initial)\b[\])}:|,>* ]{0,3}$",
    re.I,
)
_DATA_LABEL = re.compile(
    r"(?<![\w./\\])(train|val|eval|test|dev)(?:ing|id(?:ation|ating)?|uat(?:ion|ing))?"
    r"(?:\s+[A-Za-z]+){0,2}\s*[:\])|}>]",
    re.I,
)
_CLASS_LABEL = re.compile(r"(?:^|[\s|,;])([A-Za-z][A-Za-z_]+):\s+(?=$|[A-Za-z][\w@/\-]*\s*[:=])")
_LEVEL_BEFORE = re.compile(r"\b(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\]?[: ]$")
_SPLIT = re.compile(r"val|valid|validation|eval|evaluation|test|testing|dev|held-?out")
_OTHER = re.compile(
    rf"{_SPLIT.pattern}|train|training|best|worst|min|max|minimum|maximum|lowest|highest|avg|average"
    r"|mean|median|std|stdev|running|smoothed|ema|swa|old|previous|prev|initial|starting|baseline"
    r"|target|expected|goal|threshold|delta|relative"
)
"""Matches words that make the name after them the name of another figure."""
_NEUTRAL = re.compile(
    r"final|metrics?|results?|the|with|has|and|at|end|overall|info|warn|warning|error|debug|epoch"
    r"|step|iter|iteration|round|summary|done|finished|output|stats|score|scores"
)
"""Matches words that may stand before a name of one word without changing its meaning."""
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


def data_set(word: str) -> str:
    """Return the usual short name of a data set that a word such as `Validation` names."""
    low = word.lower()
    return next((name for name in ("train", "val", "eval", "test", "dev") if name in low), low)


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
        self._single = len(tokens) == 1
        first, rest = data_set(tokens[0]), name[len(tokens[0]) :].lstrip(" _-/.:")
        self._has_split = any(
            t.lower() == "train" or _SPLIT.fullmatch(t.lower()) is not None for t in tokens
        )
        self._labelled: tuple[str, MetricLines] | None = None
        if len(tokens) > 1 and _DATA_LABEL.fullmatch(f"{tokens[0]}:"):
            # `val acc` is also what follows the label in `Val: loss 0.4 acc 0.9`.
            self._labelled = first, MetricLines(rest)
        self._columns: _Columns | None = None
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
                    label = "" if self._has_split else data_set(label)
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
            columns = _Columns.of_heading(line, self._name)
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
        before = line[max(0, match.start() - 60) : match.start()]
        other = self._other_figure(before)
        if other:
            return Refusal(number, text, f"`{other} {match[0]}` is another figure")
        after = _AFTER.match(line, match.end())
        if after is None:
            return self._in_brackets(number, text, line, match)
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
        before = line[max(0, match.start() - 200) : match.start()]
        spelling = self._spelling(match[0])
        return Occurrence(number, text, value, spelling, before, self._label(before))

    def _label(self, before: str) -> str:
        """Return the data set or class that a label before the name names, or ""."""
        if self._has_split:
            return ""
        for label in reversed(list(_DATA_LABEL.finditer(before))):
            if not _LEVEL_BEFORE.search(before[: label.start()]):
                return data_set(label[1])
        for word in reversed(list(_CLASS_LABEL.finditer(before)) if self._single else []):
            # In `INFO train: loss: 0.9` the word is the name of a logger.
            is_logger = _LEVEL_BEFORE.search(before[: word.start(1)]) is not None
            if not (is_logger or _NEUTRAL.fullmatch(word[1].lower())):
                return word[1]
        return ""

    def _in_brackets(
        self, number: int, text: str, line: str, match: re.Match[str]
    ) -> Occurrence | Refusal:
        """Read the form `name (value)` at the end of a line."""
        inside = re.match(r"\s*[(\[]\s*([^()\[\]]{1,40})[)\]]", line[match.end() :])
        value = read_value(inside[1]) if inside is not None else "no number follows"
        if isinstance(value, str) or (inside and inside[1][value.end :].strip()):
            return Refusal(number, text, "no number follows")
        return Occurrence(number, text, value, self._spelling(match[0]), line[: match.start()])

    def _other_figure(self, before: str) -> str:
        """Return the word that makes the name after it the name of another figure, or ""."""
        before = before.rstrip("\"'`*(")
        marked = _MARKED_BEFORE.search(before)
        if marked is not None:
            return marked[1]
        word = _WORD_BEFORE.search(before)
        if word is None:
            return ""
        low = word[1].lower()
        if _OTHER.fullmatch(low):
            return "" if self._has_split and _SPLIT.fullmatch(low) else word[1]
        if not self._single or _NEUTRAL.fullmatch(low):
            return ""
        # `router loss` is another figure than `loss`, but the word may be the unit of a number.
        return "" if re.search(r"\d[\])}%]*\s+$", before[: word.start(1)]) else word[1]

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


_RULE_LINE = re.compile(r"[\s\-=+_|:│┃║─━┼┿╪═╇╈├┤┝┥┣┫╞╡┡┩┌┬┐└┴┘]+")
_DELIMITERS = (
    re.compile(f"[{_BAR}]"),
    re.compile(r"\t"),
    re.compile(r","),
    re.compile(r"\s{2,}"),
)
_BLANKS = re.compile(r"\s+")
_MISSES = 3


@dataclass(slots=True)
class _Columns:
    """The columns of a table, of which one has the metric's name as its heading."""

    heading: str
    _delimiter: re.Pattern[str]
    _index: int
    _count: int
    _misses: int = 0

    @classmethod
    def of_heading(cls, line: str, name: re.Pattern[str]) -> _Columns | None:
        """Return the columns of a line that is a table's heading; None for any other line."""
        for delimiter in _DELIMITERS:
            cells = _cells(line, delimiter)
            if len(cells) < 2:
                continue
            named = [i for i, cell in enumerate(cells) if name.fullmatch(cell)]
            plain = all(re.fullmatch(r"[^\d\W][^=:{}\"]*|#|", cell) for cell in cells)
            if len(named) == 1 and plain:
                rows = _BLANKS if delimiter is _DELIMITERS[-1] else delimiter
                return cls(cells[named[0]], rows, named[0], len(cells))
        return None

    def cell(self, line: str) -> str | None:
        """Return the metric's cell of a row; None for a line that is not a row of the table."""
        if _RULE_LINE.fullmatch(line):
            return None
        cells = _cells(line, self._delimiter)
        if len(cells) == self._count:
            self._misses = 0
            return cells[self._index]
        self._misses += 1
        return None

    @property
    def ended(self) -> bool:
        """Return whether so many lines were not rows that the table has ended."""
        return self._misses >= _MISSES


def _cells(line: str, delimiter: re.Pattern[str]) -> list[str]:
    text = line.strip()
    if delimiter is _DELIMITERS[0]:
        text = text.strip(_BAR)
    return [cell.strip() for cell in delimiter.split(text)]
