"""Splits the text of a table into lines and cells, and finds the delimiter between cells."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

MOST_LINES = 500_000
"""Number of lines of a file that are read at most; later ones are ignored."""
_SAMPLE = 300
_PIPES = str.maketrans("│┃║¦｜", "|||||")
_RULE = re.compile(r"[\s|+\-=:_─━═┄┈┌┬┐├┼┤└┴┘┏┳┓┣╋┫┗┻┛╔╦╗╠╬╣╚╩╝╭╮╰╯┠┨┯┷┝┥┡┩╇╒╕╞╡╘╛╤╧╪│┃║]+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_GAP = re.compile(r" {2,}|\u3000+")
_GAP_OR_TAB = re.compile(r"\t| {2,}")
_ESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_MARKUP = "*`"
_QUOTED_LINES = 64


class Delimiter(StrEnum):
    """The delimiter between the cells of a table; the value is its name in messages."""

    TAB = "tabs"
    LITERAL = "written-out \\t"
    PIPE = "pipes"
    COMMA = "commas"
    SEMICOLON = "semicolons"
    GAP = "runs of spaces"
    SPACE = "single spaces"


def to_lines(text: str) -> tuple[list[str], bool]:
    """Split a text at LF, CRLF and CR, and return whether it has more lines than are read.

    `str.splitlines` also splits at form feeds and at U+2028, which occur in descriptions.
    """
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", MOST_LINES)
    more = len(lines) > MOST_LINES
    if more or not lines[-1]:
        lines.pop()
    return lines, more


def find_delimiter(lines: Sequence[str], is_known: Callable[[str], bool]) -> Delimiter | None:
    """Return the delimiter between a table's cells; None if its lines have no columns.

    Args:
        lines: All lines of the file.
        is_known: Returns whether a cell is a usual column name.
    """
    sample = [line for line in lines if line.strip() and not _FENCE.match(line)][:_SAMPLE]
    if not sample:
        return None
    count = len(sample)
    found = _delimiter_of_header(sample, is_known)
    if found is not None:
        return found
    if sum("\t" in line for line in sample) >= 0.3 * count or "\t" in sample[0]:
        return Delimiter.TAB
    if sum("\\t" in line for line in sample) >= 0.3 * count or sample[0].count("\\t") > 1:
        return Delimiter.LITERAL
    drawn = [line for line in sample if line.translate(_PIPES).count("|") > 1]
    if len(drawn) >= 0.3 * count or sum(line.lstrip()[0] in "|│┃║" for line in drawn) > 2:
        return Delimiter.PIPE
    if any("\t" in line for line in sample):
        return Delimiter.TAB
    ranked = [
        (_fitness(d, sample, is_known), -index, d)
        for index, d in enumerate(
            (Delimiter.COMMA, Delimiter.SEMICOLON, Delimiter.GAP, Delimiter.SPACE)
        )
    ]
    fitness, _, best = max(ranked)
    return best if fitness > 0 else None


def _delimiter_of_header(sample: list[str], is_known: Callable[[str], bool]) -> Delimiter | None:
    """Return the delimiter that makes the first line a header and fits most others, else None.

    Descriptions may contain commas, pipes and written-out tabs; headers do not.
    """
    for delimiter in tuple(Delimiter)[:5]:
        header = split(sample[0].lstrip("# "), delimiter)
        known = sum(map(is_known, header))
        if known < 3:
            continue
        widths = [len(split(line, delimiter)) for line in sample]
        if known >= 0.5 * len(header):
            fitting = sum(width >= len(header) - 1 for width in widths)
            if fitting >= 0.5 * len(sample):
                return delimiter
        elif widths.count(len(header)) >= 0.9 * len(sample):
            return delimiter
    return None


def _fitness(delimiter: Delimiter, sample: list[str], is_known: Callable[[str], bool]) -> float:
    """Return a score of how well lines form a table when split at a delimiter; 0 if they do not."""
    cells = [split(line, delimiter) for line in sample]
    known = max(sum(map(is_known, row)) for row in cells)
    if delimiter is Delimiter.SPACE:
        # Prose has spaces as well, so only a clear header counts.
        header = cells[0]
        known = sum(map(is_known, header))
        return known * 0.8 if known >= 3 and known >= 0.6 * len(header) else 0.0
    widths = Counter(len(row) for row in cells)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    if width < 3 and known < 2:
        return 0.0
    steady = count / len(sample)
    return known + 3 * steady if steady >= 0.5 or known >= 2 else 0.0


def is_rule(line: str, delimiter: Delimiter) -> bool:
    """Return whether a line is a separator without cells: `|---|---|`, `┌──┬──┐`, a code fence."""
    if delimiter is not Delimiter.PIPE:
        return _FENCE.match(line) is not None
    return _RULE.fullmatch(line) is not None or _FENCE.match(line) is not None


def split(line: str, delimiter: Delimiter) -> list[str]:
    """Split a line into cells, without the spaces around them."""
    match delimiter:
        case Delimiter.TAB:
            # A single line may differ from the rest, such as a header with a written-out \t.
            if "\t" not in line and "\\t" in line:
                return _stripped(line.split("\\t"))
            return _stripped(line.split("\t"))
        case Delimiter.LITERAL:
            return _stripped(line.split("\t" if "\t" in line else "\\t"))
        case Delimiter.PIPE:
            return _pipe_cells(line)
        case Delimiter.COMMA:
            return _quoted_cells(line, ",")
        case Delimiter.SEMICOLON:
            return _quoted_cells(line, ";")
        case Delimiter.GAP:
            return _GAP.split(line.strip(" "))
        case Delimiter.SPACE:
            return line.split()


def split_at_spaces(line: str, width: int) -> list[list[str]]:
    """Return the ways to split a line at spaces into exactly `width` cells; [] if there is none.

    For a line that has spaces where the rest of the table has another delimiter.
    """
    candidates = (_GAP_OR_TAB.split(line.strip(" ")), line.split(None, width - 1))
    return [cells for cells in candidates if len(cells) == width and width > 2]


def _stripped(cells: list[str]) -> list[str]:
    return [cell.strip(" ") for cell in cells]


def _pipe_cells(line: str) -> list[str]:
    line = line.translate(_PIPES).strip()
    if "|" not in line:
        return [line]
    # A table may lack the outer pipes.
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    if "\\|" in line:
        cells = [cell.replace("\\|", "|") for cell in _ESCAPED_PIPE.split(line)]
    else:
        cells = line.split("|")
    return [cell.strip().strip(_MARKUP) for cell in cells]


def _quoted_cells(line: str, comma: str) -> list[str]:
    """Split a CSV line at `comma` (RFC 4180); an unclosed quote is an ordinary character."""
    if '"' in line and line.count('"') % 2 == 0:
        try:
            return _stripped(next(csv.reader([line], delimiter=comma, skipinitialspace=True)))
        except (csv.Error, StopIteration):
            pass  # a line break outside of quotes, or a cell of more than 128 KiB
    return _stripped(line.split(comma))


def join_quoted(lines: Sequence[str], index: int, comma: str) -> tuple[str, int]:
    """Return a CSV line joined with those that continue its quoted cell, and how many were joined.

    A quote that is not closed within 64 lines is an ordinary character.

    Args:
        lines: All lines of the file.
        index: Index of the first line.
        comma: The delimiter between cells.
    """
    line = lines[index]
    if line.count('"') % 2 == 0 or not _ends_quoted(line, comma):
        return line, 1
    parts = [line]
    for following in lines[index + 1 : index + _QUOTED_LINES]:
        parts.append(following)
        if following.count('"') % 2:
            closed = not _ends_quoted(following, comma, quoted=True)
            return ("\n".join(parts), len(parts)) if closed else (line, 1)
    return line, 1


def _ends_quoted(line: str, comma: str, *, quoted: bool = False) -> bool:
    """Return whether a line ends within a quoted cell.

    Args:
        line: The line.
        comma: The delimiter between cells.
        quoted: Whether it begins within a quoted cell.
    """
    for run in re.finditer('"+', line):
        marks = len(run[0])
        if not quoted:
            before = line[: run.start()].rstrip(" ")
            if before and not before.endswith(comma):
                continue
            quoted, marks = True, marks - 1
        # Two marks within a quoted cell stand for one; a single one before a comma ends it.
        after = line[run.end() :].lstrip(" ")
        if marks % 2 and (not after or after.startswith(comma)):
            quoted = False
    return quoted
