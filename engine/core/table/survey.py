"""Locates a table's header lines, splits it into blocks there, and makes their metrics agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
from engine.core.table.status_words import Meaning, meaning_of

QUOTING = {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";"}
_DIGITS = frozenset("0123456789.+-")
_ALWAYS_CHECKED = 5
"""Number of lines at the top that may be headers even if they contain numbers."""


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


def survey(lines: Sequence[str], delimiter: Delimiter) -> Survey:
    """Find all headers of a table, the rows under each, and infer the columns of each block."""
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
        if len(cells) < 2:
            continue
        # Nearly all rows have a cell that begins like a number, and hardly any header has.
        if seen <= _ALWAYS_CHECKED or not any(c and c[0] in _DIGITS for c in cells):
            named = _header_cells(line, cells, delimiter)
            if is_header(named, status_at):
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
    for cell in first:
        is_status = meaning_of(cell) not in (None, Meaning.OTHER)
        if not cell or len(cell) > 40 or is_status or is_placeholder(cell):
            return False
        if to_number(cell) is not None or commit_hash(cell) is not None:
            return False
    whole = [cells for cells in rest if len(cells) == len(first)]
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
            if below is not None and len(below) == guess.width:
                header = below
        if header is None:
            schemas.append(schema_from_cells(block.sample))
        else:
            schemas.append(schema_from_header(header, block.sample))
    return schemas


def choose_metric(found: Survey, asked_for: str | None) -> tuple[str | None, str]:
    """Choose one metric for all blocks; return its name, None without one, and the reason.

    The schemas of `found` are changed: a block without that column has no metric, because numbers
    of another metric are not comparable.

    Args:
        found: The blocks of the table.
        asked_for: The column that the user named; None: inferred.
    """
    pairs = zip(found.schemas, found.blocks, strict=True)
    ranked = sorted(pairs, key=lambda pair: -pair[1].count)
    why_not = ""
    if asked_for is not None:
        for schema, _ in ranked:
            at = find_metric(schema, asked_for)
            if at >= 0:
                return _set_metric(found.schemas, schema.names[at], "as asked")
        why_not = f"there is no column {asked_for!r}; "
    for schema, _ in ranked:
        if schema.metric is not None:
            return _set_metric(found.schemas, schema.metric, why_not + schema.why_metric)
    return None, why_not + "no column looks like a metric"


def _set_metric(schemas: list[Schema], name: str, why: str) -> tuple[str, str]:
    for schema in schemas:
        schema.set_metric(find_metric(schema, name), why)
    return name, why
