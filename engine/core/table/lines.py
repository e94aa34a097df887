"""Fits one line to the columns of its table, and repairs it if fields are missing or too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.core.table.columns import is_commit_word
from engine.core.table.model import Role
from engine.core.table.numbers import commit_hash, is_placeholder, to_number
from engine.core.table.schema import Schema
from engine.core.table.status_words import is_verdict

SURPLUS = "surplus"
"""Key in `TableRow.extras` of the fields that no column was found for."""
_MOST_MOVED = 2
"""Largest number of columns by which missing or surplus fields may displace the status cell."""
_FEW = 8
"""A line lacking more fields than this, and more than it has, is not a row."""
_AMBIGUOUS = frozenset(("true", "false", "yes", "nan", "inf", "same", "invalid"))


class FittedLine:
    """A line of the table as exactly one cell per column, with what did not fit.

    Args:
        line: Line number in the file, from 1.
        cells: The cells, one for each column of the schema.
        flaw: The irregularity of the line, as a phrase; empty for a regular one.
        surplus: Fields that belong to no column.
    """

    __slots__ = ("cells", "flaw", "line", "more", "surplus")

    def __init__(
        self, line: int, cells: list[str], flaw: str = "", surplus: Sequence[str] = ()
    ) -> None:
        self.line = line
        self.cells = cells
        self.flaw = flaw
        self.surplus = tuple(surplus)
        self.more: list[str] = []
        """Following lines of the file that continue the last cell, as text."""


def fit(line: int, cells: list[str], schema: Schema) -> FittedLine | None:
    """Assign a line's fields to the schema's columns; return None if it is not a row of results.

    Missing and surplus fields are located by the status, whose words are known.

    Args:
        line: Line number in the file, from 1.
        cells: The fields of the line.
        schema: The columns that apply to the line.
    """
    width, count = schema.width, len(cells)
    if count == width:
        return FittedLine(line, cells)
    if count > width:
        while len(cells) > width and not cells[-1]:
            cells = cells[:-1]
        return FittedLine(line, cells) if len(cells) == width else _too_many(line, cells, schema)
    return _too_few(line, cells, schema) if count > 1 else None


def shift_test(schema: Schema) -> Callable[[list[str]], bool]:
    """Return a fast test whether a complete line is to be examined by `shifted`."""
    commit, status = schema.place(Role.COMMIT), schema.place(Role.STATUS)
    after = commit + 1
    if commit < 0 or after == schema.width:
        return lambda _: False
    if after == schema.place(Role.METRIC):
        # Nearly all metrics have a point, and no commit has one.
        return lambda cells: "." not in cells[after]
    return lambda cells: status > commit and schema.meaning(cells[status]) is None


def shifted(line: int, cells: list[str], schema: Schema) -> FittedLine | None:
    """Return a complete line whose commit is one column late, moved into place; else None.

    Some agents write an id before the commit and leave out the last field.

    Args:
        line: Line number in the file, from 1.
        cells: The fields of the line, as many as the table has columns.
        schema: The columns that apply to the line, for which `shift_test` is true.
    """
    commit, metric = schema.place(Role.COMMIT), schema.place(Role.METRIC)
    after = commit + 1
    if not _is_commit(cells[after]) or _is_commit(cells[commit]):
        return None
    status = schema.place(Role.STATUS)
    if not (metric == after and _is_hash(cells[metric])) and not (
        status > commit
        and not _known(cells, status, schema)
        and _is_displaced_status(cells, status + 1)
    ):
        return None
    moved = [*cells[:commit], *cells[after:], ""]
    return FittedLine(line, moved, "an id before the commit", cells[commit:after])


def _is_hash(cell: str) -> bool:
    """Return whether a cell is a commit hash and not a number that looks like one."""
    return commit_hash(cell) is not None and not cell.isdecimal()


def _is_commit(cell: str) -> bool:
    return commit_hash(cell) is not None or is_commit_word(cell.strip("()"))


def _known(cells: list[str], index: int, schema: Schema) -> bool:
    return 0 <= index < len(cells) and schema.meaning(cells[index]) is not None


def _is_displaced_status(cells: list[str], index: int) -> bool:
    """Return whether the cell at an index, outside of the status column, is clearly a status."""
    return (
        0 <= index < len(cells)
        and len(cells[index]) > 2
        and cells[index].lower() not in _AMBIGUOUS
        and is_verdict(cells[index])
    )


def _number_at(cells: list[str], schema: Schema) -> bool:
    at = schema.place(Role.METRIC)
    return 0 <= at < len(cells) and _is_number(cells[at])


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number, or stands for a missing one without being empty."""
    return to_number(cell) is not None or (is_placeholder(cell) and cell != "")


def _too_many(line: int, cells: list[str], schema: Schema) -> FittedLine | None:
    width, surplus = schema.width, len(cells) - schema.width
    flaw = f"{len(cells)} fields for {width} columns"
    status, text = schema.place(Role.STATUS), schema.place(Role.DESCRIPTION)
    at = _place_of_surplus(cells, surplus, schema) if surplus <= _MOST_MOVED else width
    if at < width:
        return FittedLine(line, cells[:at] + cells[at + surplus :], flaw, cells[at : at + surplus])
    plain_status = status < 0 or to_number(cells[status]) is None
    if not (_known(cells, status, schema) or (plain_status and _number_at(cells, schema))):
        return None
    if text == width - 1:
        # A tab inside the description.
        whole = " ".join(cell for cell in cells[text:] if cell)
        return FittedLine(line, [*cells[:text], whole], flaw)
    return FittedLine(line, cells[:width], flaw, cells[width:])


def _place_of_surplus(cells: list[str], surplus: int, schema: Schema) -> int:
    """Return the index of the surplus fields without which the others fit their columns best.

    It is the schema's width, which means at the end, unless another place is clearly better.
    """
    width, status = schema.width, schema.place(Role.STATUS)
    best, place = _fitness(cells, schema), width
    commit = schema.place(Role.COMMIT)
    places: Sequence[int] = ()
    if _is_displaced_status(cells, status + surplus):
        places = range(status, -1, -1)
    elif commit >= 0 and _is_hash(cells[commit + surplus]) and not _is_commit(cells[commit]):
        places = (commit,)
    for at in places:
        fitness = _fitness(cells[:at] + cells[at + surplus :], schema)
        if fitness > best:
            best, place = fitness, at
    return place


def _fitness(cells: list[str], schema: Schema) -> int:
    """Return a score of how well fields suit the roles of their columns."""
    commit, metric = schema.place(Role.COMMIT), schema.place(Role.METRIC)
    memory = schema.place(Role.MEMORY)
    score = 3 * _known(cells, schema.place(Role.STATUS), schema)
    if commit >= 0:
        score += 2 * (commit_hash(cells[commit]) is not None) or _is_commit(cells[commit])
    if metric >= 0 and commit_hash(cells[metric]) is None:
        score += 2 * _number_at(cells, schema)
    if memory >= 0 and commit_hash(cells[memory]) is None:
        score += _is_number(cells[memory])
    return score


def _too_few(line: int, cells: list[str], schema: Schema) -> FittedLine | None:
    width, missing = schema.width, schema.width - len(cells)
    if missing > max(_FEW, len(cells)):
        return None
    flaw = f"{len(cells)} fields for {width} columns"
    status, commit = schema.place(Role.STATUS), schema.place(Role.COMMIT)
    if _known(cells, status, schema):
        return FittedLine(line, cells + [""] * missing, flaw)
    earlier = status - missing
    if earlier > 0 and missing <= _MOST_MOVED and _is_displaced_status(cells, earlier):
        return FittedLine(line, cells[:earlier] + [""] * missing + cells[earlier:], flaw)
    begins = commit < 0 or (commit < len(cells) and commit_hash(cells[commit]) is not None)
    if begins and cells[0] and _number_at(cells, schema):
        return FittedLine(line, cells + [""] * missing, flaw)
    return None


def is_wrapped(cells: list[str], schema: Schema) -> bool:
    """Return whether a line of a table drawn with pipes continues the cells of the line above.

    Such a line has text, but neither commit, metric, status nor number.
    """
    keys = [
        at
        for role in (Role.COMMIT, Role.METRIC, Role.STATUS, Role.NUMBER)
        if (at := schema.place(role)) >= 0
    ]
    return len(keys) > 1 and not any(cells[at] for at in keys) and any(cells)
