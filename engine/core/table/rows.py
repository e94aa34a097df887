"""Parses the lines of a table into rows; a line that cannot be repaired becomes a `BadRow`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import msgspec

from engine.core.table.lines import SURPLUS, FittedLine, fit, is_wrapped, shift_test, shifted
from engine.core.table.model import BadRow, Role, RowVerdict, TableRow
from engine.core.table.numbers import is_placeholder, to_gigabytes, to_number, to_time
from engine.core.table.roles import never_zero
from engine.core.table.schema import Schema
from engine.core.table.shape import Delimiter, is_rule, join_quoted, split, split_at_spaces
from engine.core.table.status_words import Meaning, meaning_of, ran_means_keep, to_verdict
from engine.core.table.survey import QUOTING

TEXT_KEPT = 2000
_DASHES = re.compile(r"[-=~*─━═—]{3,}")
_NUMBERED = re.compile(r"#\d*$")
_MOST_HELD = 20
_LONGEST_SPLIT = 4096
_NO_EXTRAS: dict[str, str] = {}
_MARKUP = "*`~"
_MEASURED = (Role.MEMORY, Role.DURATION, Role.EXTRA)
"""Roles of columns whose numbers are not 0 after a run."""


class RowReader:
    """Parses the lines of a table file into `rows` and `bad`, one block of columns at a time.

    Args:
        lines: All lines of the file.
        delimiter: The delimiter between cells.
        headers: Indices of the lines that are headers.
        numbers: Number of each line in the file; None: its index plus 1.
    """

    def __init__(
        self,
        lines: Sequence[str],
        delimiter: Delimiter,
        headers: Collection[int],
        numbers: Sequence[int] | None = None,
    ) -> None:
        self.rows: list[TableRow] = []
        self.bad: list[BadRow] = []
        self.comments = 0
        self.joined = 0
        self.zeros = 0
        """Number of rows, other than crashes, whose 0 stands for no value."""
        self._lines = lines
        self._delimiter = delimiter
        self._headers = headers
        self._numbers = numbers
        self._never_zero = False
        self._may_be_shifted: Callable[[list[str]], bool] = lambda _: False
        self._meaning: Callable[[str], Meaning | None] = meaning_of
        self._meanings: set[Meaning | None] = set()
        self._ran: list[int] = []
        self._open: FittedLine | None = None
        """The row that the next line may continue; None without one."""
        self._held: list[tuple[int, str, list[str]]] = []
        """Line number, text and cells of incomplete lines that may be parts of one row."""
        self._held_width = 0

    @property
    def length(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def read(self, schema: Schema, part: range) -> None:
        """Parse a range of lines with the given columns, and append to `rows` and `bad`."""
        lines, headers, delimiter = self._lines, self._headers, self._delimiter
        comma = QUOTING.get(delimiter)
        self._never_zero = schema.metric is not None and never_zero(schema.metric)
        self._may_be_shifted = shift_test(schema)
        self._meaning = schema.meaning if schema.is_yes_no else meaning_of
        numbers = self._numbers
        index = part.start
        while index < part.stop:
            here, line = index, lines[index]
            index += 1
            if not line or line.isspace():
                if self._held and not (self._open is not None and schema.ends_in_text):
                    continue  # within a cell of several lines
                self._release_held(schema)
                self._close_row(schema)
                continue
            if here in headers or is_rule(line, delimiter):
                if here in headers:
                    self._release_held(schema)
                    self._close_row(schema)
                continue
            if comma is not None and '"' in line:
                line, length = join_quoted(lines, here, comma)
                index = here + length
            cells = split(line, delimiter)
            if (line[0] == "#" and not _NUMBERED.match(cells[0])) or self._is_heading(cells):
                self._release_held(schema)
                self.comments += 1
                continue
            if not any(cells):
                continue
            self._add(numbers[here] if numbers else here + 1, line, cells, schema)
        self._release_held(schema)
        self._close_row(schema)

    def _is_heading(self, cells: list[str]) -> bool:
        """Return whether a line is a heading between rows: `---`, a text and no value."""
        if len(cells) == 1 or _DASHES.fullmatch(cells[0]) is None:
            return False
        return not any(
            to_number(cell) is not None or self._meaning(cell) is not None for cell in cells[1:]
        )

    def _add(self, number: int, line: str, cells: list[str], schema: Schema) -> None:
        count = len(cells)
        if count == schema.width and not self._held:
            if (
                self._open is not None
                and self._delimiter is Delimiter.PIPE
                and is_wrapped(cells, schema)
            ):
                self._wrap(cells)
            else:
                self._close_row(schema)
                self._open = None
                if self._may_be_shifted(cells):
                    self._open = shifted(number, cells, schema)
                self._open = self._open or FittedLine(number, cells)
            return
        if self._held and self._complete(number, line, cells, schema):
            return
        fitted = None
        if count < schema.width and (count == 1 or "  " in line):
            fitted = self._split_at_spaces(number, line, schema)
        fitted = fitted or fit(number, cells, schema)
        if fitted is not None:
            self._release_held(schema)
            self._close_row(schema)
            self._open = fitted
        elif count < schema.width and self._delimiter in (Delimiter.TAB, Delimiter.LITERAL):
            if len(self._held) >= _MOST_HELD:
                self._release_held(schema)
            self._hold(number, line, cells)
        else:
            self._release_held(schema)
            self._reject(number, line, _reason(count, schema))

    def _split_at_spaces(self, number: int, line: str, schema: Schema) -> FittedLine | None:
        """Return the row of a line that has spaces instead of the table's delimiter; else None."""
        status, metric = schema.place(Role.STATUS), schema.place(Role.METRIC)
        if status < 0 or len(line) > _LONGEST_SPLIT:
            return None
        for cells in split_at_spaces(line, schema.width):
            if schema.meaning(cells[status]) is None:
                continue
            if metric < 0 or is_placeholder(cells[metric]) or to_number(cells[metric]) is not None:
                return FittedLine(number, cells, "spaces between its fields")
        return None

    # -- lines that are not rows by themselves

    def _hold(self, number: int, line: str, cells: list[str]) -> None:
        self._held.append((number, line, cells))
        self._held_width += len(cells) - (1 if len(self._held) > 1 else 0)

    def _complete(self, number: int, line: str, cells: list[str], schema: Schema) -> bool:
        """Join the held incomplete lines and this one into a row, if they make a complete one.

        Returns:
            True if they were joined.
        """
        if self._held_width + len(cells) - 1 != schema.width or self._held_width < 2:
            return False
        status, whole = schema.place(Role.STATUS), list(self._held[0][2])
        for _, _, more in [*self._held[1:], (number, line, cells)]:
            whole[-1] = f"{whole[-1]}\n{more[0]}"
            whole += more[1:]
        if status < 0 or schema.meaning(whole[status]) is None:
            return False
        self.joined += len(self._held)
        first = self._held[0][0]
        self._held, self._held_width = [], 0
        self._close_row(schema)
        self._open = FittedLine(first, whole)
        return True

    def _release_held(self, schema: Schema) -> None:
        """Append the held incomplete lines to the row above if it ends in text, else to `bad`."""
        if not self._held:
            return
        for number, line, cells in self._held:
            if self._open is not None and schema.ends_in_text:
                self._open.more.append(line)
                self.joined += 1
            else:
                self._reject(number, line, _reason(len(cells), schema))
        self._held, self._held_width = [], 0

    def _wrap(self, cells: list[str]) -> None:
        assert self._open is not None
        for index, cell in enumerate(cells):
            if cell:
                self._open.cells[index] = f"{self._open.cells[index]} {cell}".strip()
        self.joined += 1

    def _reject(self, number: int, line: str, reason: str) -> None:
        self.bad.append(BadRow(line=number, text=line[:TEXT_KEPT], reason=reason))

    # -- rows

    def _close_row(self, schema: Schema) -> None:
        fitted, self._open = self._open, None
        if fitted is None:
            return
        if fitted.more:
            fitted.cells[-1] = "\n".join([fitted.cells[-1], *fitted.more])
        self.rows.append(self._to_row(fitted, schema))

    def _to_row(self, fitted: FittedLine, schema: Schema) -> TableRow:
        commit = text = status = category = description = ""
        number: float | None = None
        memory: float | None = None
        at = None
        extras: dict[str, str] = {}
        for name, role, cell in zip(schema.names, schema.roles, fitted.cells, strict=True):
            match role:
                case Role.COMMIT:
                    commit = cell.strip(_MARKUP)
                case Role.METRIC:
                    text = cell
                    number = to_number(cell, decimal_comma=schema.decimal_comma)
                case Role.STATUS:
                    status = cell.strip(_MARKUP)
                case Role.DESCRIPTION:
                    description = cell
                case Role.MEMORY:
                    memory = to_gigabytes(cell, name)
                    if memory is None and not is_placeholder(cell):
                        extras[name] = cell
                case _:
                    extras[name] = cell
                    if role is Role.TIME:
                        at = to_time(cell)
                    elif role is Role.CATEGORY:
                        category = cell
        if fitted.surplus:
            extras[SURPLUS] = " ".join(fitted.surplus)
        meaning = self._meaning(status)
        self._meanings.add(meaning)
        if meaning is Meaning.RAN:
            self._ran.append(len(self.rows))
        verdict = to_verdict(meaning, measured=bool(number), ran_is_keep=False)
        if number == 0 and self._is_no_value(verdict, fitted.cells, schema):
            number = None
        return TableRow(
            number=len(self.rows) + 1,
            line=fitted.line,
            commit=commit,
            value=number,
            value_text=text,
            memory_gb=memory,
            status=status,
            verdict=verdict,
            description=description,
            category=category,
            at=at,
            extras=extras or _NO_EXTRAS,
            flaw=fitted.flaw,
        )

    def _is_no_value(self, verdict: RowVerdict, cells: Sequence[str], schema: Schema) -> bool:
        """Return whether a metric of 0 stands for no measurement, as that of a crash does."""
        if verdict is RowVerdict.CRASH:
            return True
        if verdict is RowVerdict.KEEP:
            return False
        others = [
            number
            for role, cell in zip(schema.roles, cells, strict=True)
            if role in _MEASURED and (number := to_number(cell)) is not None
        ]
        found = self._never_zero or (len(others) > 0 and not any(others))
        self.zeros += found
        return found

    def finish(self) -> None:
        """Change the verdict of rows with status `ok` or the like to keep if it means that here.

        Call this once after all blocks were read, because it depends on all rows.
        """
        if ran_means_keep(self._meanings):
            for index in self._ran:
                self.rows[index] = msgspec.structs.replace(
                    self.rows[index], verdict=RowVerdict.KEEP
                )


def _reason(count: int, schema: Schema) -> str:
    if count == 1:
        return "text between the rows"
    fields = f"{count} fields, the table has {schema.width} columns"
    return f"{fields}, and no status in its column" if schema.place(Role.STATUS) >= 0 else fields
