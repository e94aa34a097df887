"""Formats a table as TSV or CSV: commit, metric, memory, status and description, then the rest."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from engine.core.metric_direction import normalise
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.text import one_line

ORIGINAL = "original_status"
"""Name of the added column that holds each row's status as its file spelled it."""
_USUAL_REST = ("memory_gb", "status", "description")


def clean_header(table: Table) -> list[str]:
    """Return the column names of an exported table, all unique and on one line.

    The commit, the metric, memory, status and description come first, then the extra columns.
    """
    metric = one_line(table.metric or "") or "metric"
    if metric in ("commit", *_USUAL_REST):
        metric = f"{metric}_value"
    names = ["commit", metric, *_USUAL_REST]
    used = {normalise(name) for name in names}
    repeats: Counter[str] = Counter()
    for extra in _extra_names(table):
        stem = name = one_line(extra) or "column"
        while normalise(name) in used:
            repeats[stem] += 1
            name = f"{stem}_{repeats[stem]}"
        used.add(normalise(name))
        names.append(name)
    return names


def clean_rows(table: Table) -> Iterator[list[str]]:
    """Yield the cells of each row in the order of `clean_header`, without tabs or newlines."""
    extras = _extra_names(table)
    for row in table.rows:
        yield [
            # A leading # would make the row a comment.
            one_line(row.commit).lstrip("# "),
            _number(row, row.value, "{:.6f}"),
            _number(row, row.memory_gb, "{:.1f}"),
            row.verdict.value,
            one_line(row.description),
            *(one_line(_extra(row, name)) for name in extras),
        ]


def to_tsv(table: Table) -> str:
    """Return a table as tab-separated text: a header, then one unquoted line per row."""
    lines = ["\t".join(clean_header(table))]
    lines += ["\t".join(cells) for cells in clean_rows(table)]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """Return a table with its header as CSV: quoted according to RFC 4180, lines ended by LF."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(clean_header(table))
    writer.writerows(clean_rows(table))
    return out.getvalue()


def _extra_names(table: Table) -> list[str]:
    names: dict[str, None] = {}
    for row in table.rows:
        if row.extras:
            names.update(dict.fromkeys(row.extras))
    if any(row.status.lower() != row.verdict.value for row in table.rows):
        names.pop(ORIGINAL, None)
        names[ORIGINAL] = None
    return list(names)


def _extra(row: TableRow, name: str) -> str:
    if name == ORIGINAL:
        # A table that this program exported before has the column already.
        return row.extras.get(ORIGINAL, row.status)
    return row.extras.get(name, "")


def _number(row: TableRow, value: float | None, usual: str) -> str:
    if value is None:
        value = 0.0 if row.verdict is RowVerdict.CRASH else None
    if value is None:
        return ""
    text = usual.format(value)
    return text if float(text) == value else repr(value)
