"""Decides the columns of one block of rows: their names and roles, and which is the metric."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.core.metric_direction import direction_of, normalise
from engine.core.table.columns import FITS, Cells, fill_from_cells, is_yes_no, numeric, share, wordy
from engine.core.table.metric_choice import FIRST_NUMBERS, choose_column
from engine.core.table.model import Role, TableColumn
from engine.core.table.numbers import (
    is_placeholder,
    to_number,
    to_time,
    uses_decimal_comma,
)
from engine.core.table.roles import is_header_word, name_order, same_metric
from engine.core.table.status_words import Meaning, is_verdict, meaning_of

USUAL = ("commit", "val_bpb", "memory_gb", "status", "description")
SAMPLE = 200
"""Largest number of rows under a header from which its columns are inferred."""
MOST_COLUMNS = 256
_IDENTIFIER = re.compile(r"[^\W\d]\w*_\w+|[^\W\d]+")
"""Matches names of columns, such as `files_changed` or `status`."""
_USUAL_ROLES = (Role.COMMIT, Role.METRIC, Role.MEMORY, Role.STATUS, Role.DESCRIPTION)


@dataclass
class Schema:
    """Names and roles of the columns that apply to one block: the lines under one header."""

    names: list[str]
    roles: list[Role]
    decimal_comma: bool = False
    ends_in_text: bool = False
    """True if the last column holds text, so that a row may continue on the next line."""
    has_header: bool = True
    is_yes_no: bool = False
    """True if the status is 1 for keep and 0 for discard."""
    why_metric: str = ""
    _places: dict[Role, int] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Return the number of columns, which is the number of cells of a complete row."""
        return len(self.names)

    def place(self, role: Role) -> int:
        """Return the index of the first column with a role; -1 if no column has it."""
        if not self._places:
            self._places = {r: i for i, r in reversed(list(enumerate(self.roles)))}
        return self._places.get(role, -1)

    @property
    def is_fallback(self) -> bool:
        """Return whether neither names nor verdicts tell which column is the metric."""
        return self.why_metric in ("", FIRST_NUMBERS)

    def meaning(self, status: str) -> Meaning | None:
        """Return the meaning of a status cell; None if it is unknown."""
        if self.is_yes_no and (number := to_number(status)) is not None:
            return Meaning.KEEP if number else Meaning.DISCARD
        return meaning_of(status)

    def columns(self) -> list[TableColumn]:
        """Return the columns with their names and roles."""
        return [TableColumn(name, role) for name, role in zip(self.names, self.roles, strict=True)]

    @property
    def metric(self) -> str | None:
        """Return the name of the column with the role metric; None if there is none."""
        at = self.place(Role.METRIC)
        return None if at < 0 else self.names[at]

    def set_metric(self, index: int, why: str) -> None:
        """Give the role metric to a column, and the role extra to the previous metric.

        Args:
            index: The column's index; -1: no column is the metric.
            why: The reason, as a phrase for the user.
        """
        self.roles = [Role.EXTRA if r is Role.METRIC else r for r in self.roles]
        self._places = {}
        if index >= 0:
            self.roles[index] = Role.METRIC
        self.why_metric = why


def is_header(cells: Cells, status_at: int = -1) -> bool:
    """Return whether a line is a header, judged by its words.

    Args:
        cells: The line's cells.
        status_at: Index of the status in the rows above, -1 if unknown; a known status there
            makes the line a row.
    """
    if len(cells) < 2:
        return False
    if _is_usual(cells):
        return True
    known = 0
    for cell in cells:
        if len(cell) > 60:
            return False
        if is_header_word(cell):
            known += 1
        elif cell and (is_placeholder(cell) or to_number(cell) is not None):
            return False
    if known < 2 or (known < 0.3 * len(cells) and not all(map(_IDENTIFIER.fullmatch, cells))):
        return False
    return not (0 <= status_at < len(cells) and _is_status_word(cells[status_at]))


def _is_status_word(cell: str) -> bool:
    # Some words for `other`, such as `run`, are also column names; `other` itself is not.
    return cell.lower() == "other" or is_verdict(cell)


def unique_names(cells: Cells) -> list[str]:
    """Return the column names of a header; repeated ones get a number, empty ones `column N`."""
    names: list[str] = []
    seen: set[str] = set()
    repeats: Counter[str] = Counter()
    for index, cell in enumerate(cells):
        stem = cell.lstrip("#").strip() or ("#" if cell else f"column {index + 1}")
        name = stem
        while name in seen:
            repeats[stem] += 1
            name = f"{stem} ({repeats[stem] + 1})"
        seen.add(name)
        names.append(name)
    return names


def schema_from_header(header: Cells, sample: Sequence[Cells]) -> Schema:
    """Return the columns under a header; cells decide where a name is ambiguous.

    Args:
        header: The cells of the header.
        sample: The cells of some rows below it.
    """
    names = unique_names(header[:MOST_COLUMNS])
    whole = [cells for cells in sample if len(cells) == len(names)] or list(sample)
    columns = [[row[i] for row in whole if i < len(row)] for i in range(len(names))]
    roles = [Role.EXTRA] * len(names)
    if _is_usual(names):
        # Independent of the cells: this is the usual header.
        roles[:5] = _USUAL_ROLES
    for role, fits in FITS:
        if role in roles:
            continue
        named = sorted(
            # A column of verdicts that is mostly empty comes after one that is filled.
            (
                role is Role.STATUS and 2 * sum(map(bool, columns[i])) < len(columns[i]),
                order,
                i,
            )
            for i, name in enumerate(names)
            if roles[i] is Role.EXTRA and (order := name_order(role, name)) is not None
        )
        for _, _, index in named:
            if fits(names[index], columns[index]):
                roles[index] = role
                break
    fill_from_cells(roles, columns, names)
    schema = Schema(names, roles)
    _choose_metric(schema, columns)
    return schema


def schema_from_cells(sample: Sequence[Cells]) -> Schema:
    """Return the columns of rows without a header, inferred from the cells of some of the rows."""
    width = Counter(len(cells) for cells in sample).most_common(1)[0][0] if sample else 1
    width = min(width, MOST_COLUMNS)
    whole = [cells for cells in sample if len(cells) >= width]
    columns = [[row[i] for row in whole] for i in range(width)]
    roles = [Role.EXTRA] * width
    for i, column in enumerate(columns):
        if share(column, lambda c: to_time(c) is not None) >= 0.8:
            roles[i] = Role.TIME
            break
    fill_from_cells(roles, columns, [""] * width)
    names = [f"column {i + 1}" for i in range(width)]
    for i, role in enumerate(roles):
        if role is not Role.EXTRA:
            names[i] = {Role.TIME: "timestamp"}.get(role, role.value)
    usual = (Role.COMMIT, Role.EXTRA, Role.EXTRA, Role.STATUS, Role.DESCRIPTION)
    schema = Schema(names, roles, has_header=False)
    if tuple(roles) == usual and all(share(columns[i], numeric) >= 0.5 for i in (1, 2)):
        schema.names = list(USUAL)
        schema.roles[2] = Role.MEMORY
        schema.set_metric(1, "there is no header; these are the usual five columns")
    else:
        _choose_metric(schema, columns)
    _note_formats(schema, columns)
    return schema


def _is_usual(names: Sequence[str]) -> bool:
    """Return whether a header begins with commit, any metric, memory_gb, status and description."""
    return tuple(map(normalise, (*names[:1], *names[2:5]))) == USUAL[:1] + USUAL[2:]


def _choose_metric(schema: Schema, columns: Sequence[Cells]) -> None:
    _note_formats(schema, columns)
    if schema.has_header and _is_usual(schema.names):
        schema.set_metric(1, "the second of the usual columns")
        return
    status = schema.place(Role.STATUS)
    verdicts = [schema.meaning(cell) for cell in columns[status]] if status >= 0 else []
    index, why = choose_column(schema.names, schema.roles, columns, verdicts)
    if index >= 0:
        schema.set_metric(index, why)


def _note_formats(schema: Schema, columns: Sequence[Cells]) -> None:
    status = schema.place(Role.STATUS)
    schema.is_yes_no = status >= 0 and is_yes_no(columns[status])
    schema.decimal_comma = any(map(uses_decimal_comma, columns))
    schema.ends_in_text = schema.roles[-1] is Role.DESCRIPTION or (
        schema.roles[-1] is Role.EXTRA and share(columns[-1], numeric) < 0.5 and wordy(columns[-1])
    )


def find_metric(schema: Schema, name: str) -> int:
    """Return the index of the column with this name or an equivalent one; -1 if there is none."""
    for test in (
        lambda n: n == name,
        lambda n: normalise(n) == normalise(name),
        lambda n: direction_of(n) is not None and same_metric(n, name),
    ):
        for index, candidate in enumerate(schema.names):
            if test(candidate):
                return index
    return -1
