"""Reads the bytes of any results table; lines that are not rows are listed, nothing is raised."""

from __future__ import annotations

from engine.core.enums import Direction
from engine.core.table.decode import decode, looks_binary
from engine.core.table.direction import infer_direction
from engine.core.table.model import BadRow, Role, Table, TableColumn
from engine.core.table.roles import is_header_word
from engine.core.table.rows import TEXT_KEPT, RowReader
from engine.core.table.shape import MOST_LINES, Delimiter, find_delimiter, to_lines
from engine.core.table.survey import Survey, choose_metric, survey
from engine.core.text import plural


def read_table(
    data: bytes, *, metric: str | None = None, direction: Direction | None = None
) -> Table:
    """Read a results table of any format in linear time. Never raises.

    Args:
        data: The file's bytes, or the beginning of them.
        metric: The metric's column, if the user named it. If no column has that name, one is
            inferred, and `metric_reason` says so.
        direction: Which way the metric improves, if the user named it; None: inferred.
    """
    if looks_binary(data):
        return _unreadable("it is binary, not text", direction)
    text, notes = decode(data)
    lines, more = to_lines(text)
    if not text or text.isspace():
        return _unreadable("it is empty", direction)
    if more:
        notes.append(f"only the first {MOST_LINES:,} lines were read")
    delimiter = find_delimiter(lines, is_header_word)
    if delimiter is None:
        bad = tuple(
            BadRow(line=i, text=line[:TEXT_KEPT], reason="no columns")
            for i, line in enumerate(lines, 1)
            if line and not line.isspace()
        )
        return _unreadable("its lines have no columns", direction, bad, notes)
    if delimiter is not Delimiter.TAB:
        notes.append(f"the columns are separated by {delimiter.value}")
    return _read(lines, delimiter, notes, metric, direction)


def _unreadable(
    problem: str,
    direction: Direction | None,
    bad: tuple[BadRow, ...] = (),
    notes: list[str] | None = None,
) -> Table:
    return Table(
        metric=None,
        direction=direction or Direction.MIN,
        metric_reason="no column looks like a metric",
        direction_reason="as asked" if direction else "unknown",
        bad=bad,
        notes=tuple(notes or ()),
        problem=problem,
    )


def _read(
    lines: list[str],
    delimiter: Delimiter,
    notes: list[str],
    asked_for: str | None,
    direction: Direction | None,
) -> Table:
    found = survey(lines, delimiter)
    metric, metric_reason = choose_metric(found, asked_for)
    reader = RowReader(lines, delimiter, found.headers)
    borders = [block.begin for block in found.blocks[1:]] + [len(lines)]
    for schema, block, end in zip(found.schemas, found.blocks, borders, strict=True):
        reader.read(schema, range(block.begin, end))
    reader.finish()
    inferred, reason = (
        (direction, "as asked") if direction else infer_direction(metric, reader.rows)
    )
    return Table(
        metric=metric,
        direction=inferred,
        metric_reason=metric_reason,
        direction_reason=reason,
        columns=_columns(found),
        rows=tuple(reader.rows),
        bad=tuple(reader.bad),
        notes=tuple(notes + _notes(found, reader)),
        problem=_problem(found, reader),
    )


def _columns(found: Survey) -> tuple[TableColumn, ...]:
    columns: dict[str, TableColumn] = {}
    for schema in found.schemas:
        for column in schema.columns():
            known = columns.get(column.name)
            if known is None or known.role is Role.EXTRA:
                columns[column.name] = column
    return tuple(columns.values())


def _problem(found: Survey, reader: RowReader) -> str:
    if not any(s.place(role) >= 0 for s in found.schemas for role in (Role.METRIC, Role.STATUS)):
        return "it has no column for a metric or a status"
    if not reader.rows and not found.headers:
        return "it has no line that is a row of results"
    return ""


def _notes(found: Survey, reader: RowReader) -> list[str]:
    notes = []
    if not found.headers:
        notes.append("there is no header; columns are identified by their cells")
    later = [block.begin + 1 for block in found.blocks[1:]]
    if later and found.blocks[0].count:
        places = ", ".join(map(str, later[:5])) + (" …" if len(later) > 5 else "")
        notes.append(f"another header in line {places}")
    for count, one, many in (
        (found.repeated, "repeated header", "repeated headers"),
        (reader.comments, "comment", "comments"),
        (reader.joined, "line joined to its row", "lines joined to their rows"),
        (
            sum(1 for row in reader.rows if row.flaw),
            "row with too few or too many fields",
            "rows with too few or too many fields",
        ),
    ):
        if count:
            notes.append(plural(count, one, many))
    return notes
