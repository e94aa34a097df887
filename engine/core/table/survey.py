"""Locates a table's header lines, splits it into blocks there, and makes their metrics agree."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.core.table.columns import numeric, share
from engine.core.table.model import Role
from engine.core.table.numbers import commit_hash, is_placeholder, to_number
from engine.core.table.schema import (
    SAMPLE,
    Schema,
    find_metric,
    is_header,
    schema_from_cells,
    schema_from_header,
)
from engine.core.table.shape import Delimiter, is_rule, join_quoted, split
from engine.core.table.status_words import is_verdict

QUOTING = {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";"}
_DIGITS = frozenset("0123456789.+-")
_IDENTIFIER = re.compile(r"[^\W\d][\w.@/%()-]{0,39}")
_LOOKED_AHEAD = 6
"""Number of lines below a possible header that are examined."""
_ALWAYS_CHECKED = 5
"""Number of lines at the top that may be headers even if they contain numbers."""


_VERDICTS = frozenset(("keep", "discard", "crash", "baseline", "revert", "reverted", "kept"))


@dataclass
class SchemaBlock:
    """A block of lines with the same columns: those under one header, or all without one."""

    begin: int
    """Index in the file of the block's first line, which is its header if it has one."""
    header: list[str] | None = None
    count: int = 0
    """Number of lines with at least two cells, without headers and comments."""
    sample: list[list[str]] = field(default_factory=list)
    first: int = -1
    """Index in the file of the first row below the header; -1 without one."""


@dataclass
class Survey:
    """The result of `survey`: the blocks of a table, its header lines and columns."""

    blocks: list[SchemaBlock]
    headers: set[int]
    """Indices of all lines that are headers, including repeated ones."""
    repeated: int = 0
    schemas: list[Schema] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    """Number of rows whose block has another metric than the table's, by its name."""


def survey(lines: Sequence[str], delimiter: Delimiter, headers: Collection[int] = ()) -> Survey:
    """Find all headers of a table, the rows under each, and infer the columns of each block.

    Args:
        lines: All lines of the file.
        delimiter: The delimiter between cells.
        headers: Indices of the headers, where they are known; empty: they are searched for.
    """
    current = SchemaBlock(0)
    found = Survey([current], set())
    comma = QUOTING.get(delimiter)
    status_at = -1
    index = seen = 0
    while index < len(lines):
        line, here = lines[index], index
        index += 1
        if not line or line.isspace() or is_rule(line, delimiter):
            continue
        if comma is not None and '"' in line:
            line, length = join_quoted(lines, here, comma)
            index = here + length
        seen += 1
        cells = split(line, delimiter)
        if len(cells) < 2 and here not in headers:
            continue
        # Nearly all rows have a cell that begins like a number, and hardly any header has.
        maybe = seen <= _ALWAYS_CHECKED or not any(c and c[0] in _DIGITS for c in cells)
        if here in headers or (maybe and not headers):
            named = _header_cells(line, cells, delimiter)
            below = lines[index : index + _LOOKED_AHEAD] if current.count else ()
            if (
                here in headers
                or is_header(named, status_at)
                or (_begins_another(named, below, delimiter))
            ):
                found.headers.add(here)
                if named == current.header:
                    found.repeated += 1
                    continue
                current = SchemaBlock(here, named)
                found.blocks.append(current)
                status_at = schema_from_header(named, []).place(Role.STATUS)
                continue
        if line[0] != "#":
            if current.first < 0:
                current.first = here
            current.count += 1
            if len(current.sample) < SAMPLE:
                current.sample.append(cells)
    _decide_top(found)
    found.schemas = _schemas(found.blocks)
    return found


def _header_cells(line: str, cells: list[str], delimiter: Delimiter) -> list[str]:
    """Return the cells of a line that may be a header, without a leading `# `."""
    if line.startswith("# "):
        return split(line[2:].lstrip(), delimiter)
    return cells


def _begins_another(cells: Sequence[str], below: Sequence[str], delimiter: Delimiter) -> bool:
    """Return whether a line below rows is the header of another table, of unknown names.

    Args:
        cells: The cells of the line.
        below: Some of the lines below it.
        delimiter: The delimiter between cells.
    """
    if len(cells) < 3 or len(set(cells)) < len(cells):
        return False
    if not all(map(_IDENTIFIER.fullmatch, cells)):
        return False
    rest = [row for line in below if len(row := split(line, delimiter)) == len(cells)]
    return len(rest) > 1 and _names_columns(cells, rest)


def _decide_top(found: Survey) -> None:
    """Adjust the block above the first header.

    A block without cells is dropped; a first line of unknown names above numbers is its header.
    """
    top = found.blocks[0]
    if len(found.blocks) > 1 and not top.count:
        # Lines above without cells belong to the header below.
        found.blocks[1].begin = 0
        found.blocks.pop(0)
    elif top.count > 1 and _names_columns(top.sample[0], top.sample[1:]):
        top.header = top.sample.pop(0)
        top.count -= 1
        found.headers.add(top.first)


def _names_columns(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Return whether a line of unknown words is a header above at least one column of numbers.

    Args:
        first: The cells of the line.
        rest: The cells of the lines below it.
    """
    whole = [cells for cells in rest if len(cells) == len(first)]
    for index, cell in enumerate(first):
        if not cell or len(cell) > 40 or is_placeholder(cell):
            return False
        if to_number(cell) is not None or commit_hash(cell) is not None:
            return False
        # A column may be called `ok` or `failure_cause`, but not if it holds statuses.
        if is_verdict(cell) and (
            cell.lower() in _VERDICTS or share([row[index] for row in whole], is_verdict) >= 0.3
        ):
            return False
    return bool(whole) and any(
        sum(to_number(row[i]) is not None for row in whole) > 0.8 * len(whole)
        for i in range(len(first))
    )


def _schemas(blocks: list[SchemaBlock]) -> list[Schema]:
    schemas: list[Schema] = []
    for index, block in enumerate(blocks):
        header = block.header
        if header is None and len(blocks) > index + 1:
            # Rows above the header that are as wide as those below it.
            below = blocks[index + 1].header
            guess = schema_from_cells(block.sample)
            if below is not None and len(below) == guess.width and _suits(below, block.sample):
                header = below
        if header is None:
            schemas.append(schema_from_cells(block.sample))
        else:
            schemas.append(schema_from_header(header, block.sample))
    return schemas


def _suits(header: Sequence[str], sample: Sequence[Sequence[str]]) -> bool:
    """Return whether rows above a header have numbers where the header names the metric."""
    at = schema_from_header(header, sample).place(Role.METRIC)
    return at < 0 or share([row[at] for row in sample if at < len(row)], numeric) >= 0.5


def choose_metric(
    found: Survey, asked_for: str | None, named: str | None = None
) -> tuple[str | None, str]:
    """Choose one metric for all blocks; return its name, None without one, and the reason.

    The schemas of `found` are changed: a block without that column has no metric, because numbers
    of another metric are not comparable.

    Args:
        found: The blocks of the table.
        asked_for: The column that the user named; None: inferred.
        named: The column that the file itself says is the metric; None: it says nothing.
    """
    pairs = zip(found.schemas, found.blocks, strict=True)
    ranked = sorted(pairs, key=lambda pair: (pair[0].is_fallback, -pair[1].count))
    why_not = ""
    if asked_for is not None:
        for schema, _ in ranked:
            at = find_metric(schema, asked_for)
            if at >= 0:
                return _set_metric(found, schema.names[at], "as asked")
        why_not = f"there is no column {asked_for!r}; "
    if named is not None:
        return _set_metric(found, named, why_not + "the file says so")
    for schema, _ in ranked:
        if schema.metric is not None:
            return _set_metric(found, schema.metric, why_not + schema.why_metric)
    return None, why_not + "no column looks like a metric"


def _set_metric(found: Survey, name: str, why: str) -> tuple[str, str]:
    for schema, block in zip(found.schemas, found.blocks, strict=True):
        index, other = find_metric(schema, name), schema.metric
        if index < 0 and other is not None and block.count:
            found.others[other] = found.others.get(other, 0) + block.count
        schema.set_metric(index, why)
    return name, why
