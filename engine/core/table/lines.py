"""One line against the columns of its table: a whole row, one to be mended, or none."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.table.model import Role
from engine.core.table.numbers import commit_hash, is_placeholder, to_number
from engine.core.table.schema import Schema
from engine.core.table.status_words import Meaning, meaning_of

SURPLUS = "surplus"
"""The name under which fields without a column are kept."""
_MOST_MOVED = 2
_FEW = 8
_NOT_TELLING = frozenset(("true", "false", "yes", "nan", "inf", "same", "invalid"))


class Fitted:
    """A line's cells, one for each column."""

    __slots__ = ("cells", "flaw", "line", "more", "surplus")

    def __init__(
        self, line: int, cells: list[str], flaw: str = "", surplus: Sequence[str] = ()
    ) -> None:
        self.line = line
        self.cells = cells
        self.flaw = flaw
        self.surplus = tuple(surplus)
        self.more: list[str] = []
        """Lines that go on with the last cell."""


def fit(line: int, cells: list[str], schema: Schema) -> Fitted | None:
    """The row a line is, its fields put under their columns; None where it is no row.

    A field too many or too few is placed by the status, the one cell whose words are known.
    """
    width, count = schema.width, len(cells)
    if count == width:
        return Fitted(line, cells)
    if count > width:
        while len(cells) > width and not cells[-1]:
            cells = cells[:-1]
        return Fitted(line, cells) if len(cells) == width else _too_many(line, cells, schema)
    return _too_few(line, cells, schema) if count > 1 else None


def _known(cells: list[str], index: int) -> bool:
    return 0 <= index < len(cells) and meaning_of(cells[index]) is not None


def _tells(cells: list[str], index: int) -> bool:
    """Whether a cell that is not where the status should be is the status all the same."""
    return (
        0 <= index < len(cells)
        and len(cells[index]) > 2
        and cells[index].lower() not in _NOT_TELLING
        and meaning_of(cells[index]) not in (None, Meaning.OTHER)
    )


def _number_at(cells: list[str], schema: Schema) -> bool:
    at = schema.place(Role.METRIC)
    return 0 <= at < len(cells) and (
        to_number(cells[at]) is not None or (is_placeholder(cells[at]) and cells[at] != "")
    )


def _too_many(line: int, cells: list[str], schema: Schema) -> Fitted | None:
    width, surplus = schema.width, len(cells) - schema.width
    flaw = f"{len(cells)} fields for {width} columns"
    status, text = schema.place(Role.STATUS), schema.place(Role.DESCRIPTION)
    plain_status = status < 0 or to_number(cells[status]) is None
    moved = surplus <= _MOST_MOVED and not _known(cells, status)
    if status >= 0 and moved and _tells(cells, status + surplus):
        between = cells[status : status + surplus]
        return Fitted(line, cells[:status] + cells[status + surplus :], flaw, between)
    if not (_known(cells, status) or (plain_status and _number_at(cells, schema))):
        return None
    if text == width - 1:
        # A tab inside the description.
        whole = " ".join(cell for cell in cells[text:] if cell)
        return Fitted(line, [*cells[:text], whole], flaw)
    return Fitted(line, cells[:width], flaw, cells[width:])


def _too_few(line: int, cells: list[str], schema: Schema) -> Fitted | None:
    width, lacking = schema.width, schema.width - len(cells)
    if lacking > max(_FEW, len(cells)):
        return None
    flaw = f"{len(cells)} fields for {width} columns"
    status, commit = schema.place(Role.STATUS), schema.place(Role.COMMIT)
    if _known(cells, status):
        return Fitted(line, cells + [""] * lacking, flaw)
    earlier = status - lacking
    if earlier > 0 and lacking <= _MOST_MOVED and _tells(cells, earlier):
        return Fitted(line, cells[:earlier] + [""] * lacking + cells[earlier:], flaw)
    begins = commit < 0 or (commit < len(cells) and commit_hash(cells[commit]) is not None)
    if begins and cells[0] and _number_at(cells, schema):
        return Fitted(line, cells + [""] * lacking, flaw)
    return None


def is_wrapped(cells: list[str], schema: Schema) -> bool:
    """Whether a whole line of a drawn table only goes on with texts of the line above."""
    keys = [
        at
        for role in (Role.COMMIT, Role.METRIC, Role.STATUS, Role.NUMBER)
        if (at := schema.place(role)) >= 0
    ]
    return len(keys) > 1 and not any(cells[at] for at in keys) and any(cells)
