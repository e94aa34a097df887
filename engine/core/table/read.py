"""Reads the bytes of any results table; lines that are not rows are listed, nothing is raised."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.core.enums import Direction
from engine.core.table.decode import decode, looks_binary
from engine.core.table.direction import UNKNOWN, infer_direction
from engine.core.table.json_records import JsonTable, read_records
from engine.core.table.model import BadRow, Role, Table, TableColumn
from engine.core.table.roles import is_header_word
from engine.core.table.rows import TEXT_KEPT, RowReader
from engine.core.table.shape import MOST_LINES, Delimiter, find_delimiter, to_lines
from engine.core.table.survey import Survey, choose_metric, survey
from engine.core.text import one_line, plural


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
    records = read_records(text)
    if records is not None:
        return _read_json(records, notes, metric, direction)
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
    found = survey(lines, delimiter)
    chosen = choose_metric(found, metric)
    return _read(found, RowReader(lines, delimiter, found.headers), chosen, notes, direction)


def _read_json(
    records: JsonTable, notes: list[str], metric: str | None, direction: Direction | None
) -> Table:
    notes.append(f"the file is {records.kind}")
    if records.others:
        notes.append(f"{plural(records.others, 'record')} of other things than experiments")
    if not records.lines:
        return _unreadable(
            "it has no record of an experiment", direction, tuple(records.bad), notes
        )
    found = survey(records.lines, Delimiter.TAB, records.headers)
    for schema in found.schemas:
        for name in records.metrics.keys() & set(schema.names):
            schema.set_metric(schema.names.index(name), "the file says so")
    chosen = choose_metric(found, metric, records.metric)
    reader = RowReader(records.lines, Delimiter.TAB, found.headers, records.numbers)
    reader.bad += records.bad
    table = _read(found, reader, chosen, notes, direction, records.numbers)
    stated = records.metrics.get(chosen[0] or "", (0, None))[1]
    if direction is not None or stated is None:
        return table
    return msgspec.structs.replace(
        table,
        direction=stated,
        direction_known=True,
        direction_reason=f'the file says "{stated.better}"',
    )


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
        direction_reason="as asked" if direction else UNKNOWN,
        direction_known=direction is not None,
        bad=bad,
        notes=tuple(notes or ()),
        problem=problem,
    )


def _read(
    found: Survey,
    reader: RowReader,
    chosen: tuple[str | None, str],
    notes: list[str],
    direction: Direction | None,
    numbers: Sequence[int] | None = None,
) -> Table:
    """Return the table of surveyed lines.

    Args:
        found: The blocks of lines and their columns.
        reader: The reader of the lines.
        chosen: The metric's column and the reason for it, from `choose_metric`.
        notes: Notes on the file so far.
        direction: Which way the metric improves, if the user named it; None: inferred.
        numbers: Number of each line in the file; None: its index plus 1.
    """
    metric, metric_reason = chosen
    borders = [block.begin for block in found.blocks[1:]] + [reader.length]
    for schema, block, end in zip(found.schemas, found.blocks, borders, strict=True):
        reader.read(schema, range(block.begin, end))
    reader.finish()
    inferred, reason = (
        (direction, "as asked") if direction else infer_direction(metric, reader.rows)
    )
    return Table(
        metric=metric,
        direction=inferred or Direction.MIN,
        metric_reason=metric_reason,
        direction_reason=reason,
        direction_known=inferred is not None,
        columns=_columns(found),
        rows=tuple(reader.rows),
        bad=tuple(reader.bad),
        notes=tuple(notes + _notes(found, reader, numbers)),
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


def _notes(found: Survey, reader: RowReader, numbers: Sequence[int] | None) -> list[str]:
    notes = []
    if not found.headers:
        notes.append("there is no header; columns are identified by their cells")
    later = [numbers[block.begin] if numbers else block.begin + 1 for block in found.blocks[1:]]
    if later and found.blocks[0].count:
        places = ", ".join(map(str, later[:5])) + (" …" if len(later) > 5 else "")
        notes.append(f"another header in line {places}")
    for name, count in found.others.items():
        have = "has" if count == 1 else "have"
        notes.append(
            f"{plural(count, 'row')} {have} another metric ({one_line(name, 40)}), which is not "
            "compared"
        )
    if reader.zeros:
        notes.append(f"the 0 of {plural(reader.zeros, 'row')} is not taken for a value")
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
