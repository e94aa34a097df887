"""The tolerant reader: any bytes in, a table out, nothing lost and nothing raised."""

from __future__ import annotations

from engine.core.enums import Direction
from engine.core.table.decode import decode, looks_binary
from engine.core.table.direction import infer_direction
from engine.core.table.model import BadRow, Role, Table, TableColumn
from engine.core.table.roles import is_header_word
from engine.core.table.rows import TEXT_KEPT, Reader
from engine.core.table.shape import MOST_LINES, Delimiter, find_delimiter, to_lines
from engine.core.table.survey import Survey, settle_metric, survey
from engine.core.text import plural


def read_table(
    data: bytes, *, metric: str | None = None, direction: Direction | None = None
) -> Table:
    """Read a table of results, whatever it looks like. Never raises; takes linear time.

    Args:
        data: The file's bytes, or as many of them as the caller cares to read.
        metric: The metric's column, if the person named it. Where no column has that name, one is
            inferred all the same, and `metric_reason` says so.
        direction: Which way it improves, if the person said so.
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
        direction_reason="as asked" if direction else "nothing tells",
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
    metric, metric_reason = settle_metric(found, asked_for)
    reader = Reader(lines, delimiter, found.headers)
    borders = [stretch.begin for stretch in found.stretches[1:]] + [len(lines)]
    for schema, stretch, end in zip(found.schemas, found.stretches, borders, strict=True):
        reader.read(schema, range(stretch.begin, end))
    reader.finish()
    way, why = (direction, "as asked") if direction else infer_direction(metric, reader.rows)
    return Table(
        metric=metric,
        direction=way,
        metric_reason=metric_reason,
        direction_reason=why,
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


def _problem(found: Survey, reader: Reader) -> str:
    if not any(s.place(role) >= 0 for s in found.schemas for role in (Role.METRIC, Role.STATUS)):
        return "no column of it is a metric or a status"
    if not reader.rows and not found.headers:
        return "no line of it reads as a row of results"
    return ""


def _notes(found: Survey, reader: Reader) -> list[str]:
    notes = []
    if not found.headers:
        notes.append("there is no header; columns are known by what stands in them")
    later = [stretch.begin + 1 for stretch in found.stretches[1:]]
    if later and found.stretches[0].count:
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
