"""Text to lines, lines to cells: which delimiter, and where the table stops being one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

MOST_LINES = 500_000
"""More lines than this are not read: no session has them, and each costs memory."""
_SAMPLE = 300
_PIPES = str.maketrans("│┃║¦｜", "|||||")
_RULE = re.compile(r"[\s|+\-=:_─━═┄┈┌┬┐├┼┤└┴┘┏┳┓┣╋┫┗┻┛╔╦╗╠╬╣╚╩╝╭╮╰╯┠┨┯┷┝┥┡┩╇╒╕╞╡╘╛╤╧╪│┃║]+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_GAP = re.compile(r" {2,}|\u3000+")
_GAP_OR_TAB = re.compile(r"\t| {2,}")
_ESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_MARKUP = "*`"
_QUOTED_LINES = 16


class Delimiter(StrEnum):
    """What stands between the cells."""

    TAB = "tabs"
    LITERAL = "written-out \\t"
    PIPE = "pipes"
    COMMA = "commas"
    SEMICOLON = "semicolons"
    GAP = "runs of spaces"
    SPACE = "single spaces"


def to_lines(text: str) -> tuple[list[str], bool]:
    """The lines at LF, CRLF and CR, and at nothing else; and whether there were more than are read.

    `str.splitlines` would also split at form feeds and at U+2028, which occur in descriptions.
    """
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", MOST_LINES)
    more = len(lines) > MOST_LINES
    if more or not lines[-1]:
        lines.pop()
    return lines, more


def find_delimiter(lines: Sequence[str], knows: Callable[[str], bool]) -> Delimiter | None:
    """The delimiter of a table; None where nothing stands between anything.

    Args:
        lines: All lines.
        knows: Whether a cell is a name that columns of such tables have.
    """
    sample = [line for line in lines if line.strip() and not _FENCE.match(line)][:_SAMPLE]
    if not sample:
        return None
    many = len(sample)
    told = _told_by_header(sample, knows)
    if told is not None:
        return told
    if sum("\t" in line for line in sample) >= 0.3 * many or "\t" in sample[0]:
        return Delimiter.TAB
    if sum("\\t" in line for line in sample) >= 0.3 * many or sample[0].count("\\t") > 1:
        return Delimiter.LITERAL
    drawn = [line for line in sample if line.translate(_PIPES).count("|") > 1]
    if len(drawn) >= 0.3 * many or sum(line.lstrip()[0] in "|│┃║" for line in drawn) > 2:
        return Delimiter.PIPE
    if any("\t" in line for line in sample):
        return Delimiter.TAB
    ranked = [
        (_fitness(d, sample, knows), -index, d)
        for index, d in enumerate(
            (Delimiter.COMMA, Delimiter.SEMICOLON, Delimiter.GAP, Delimiter.SPACE)
        )
    ]
    fitness, _, best = max(ranked)
    return best if fitness > 0 else None


def _told_by_header(sample: list[str], knows: Callable[[str], bool]) -> Delimiter | None:
    """The delimiter that makes a header of the first line and suits most of the others.

    Descriptions hold commas, pipes and written-out tabs of their own; headers do not.
    """
    for delimiter in tuple(Delimiter)[:5]:
        header = split(sample[0].lstrip("# "), delimiter)
        known = sum(map(knows, header))
        if known >= 3 and known >= 0.5 * len(header):
            suits = sum(len(split(line, delimiter)) >= len(header) - 1 for line in sample)
            if suits >= 0.5 * len(sample):
                return delimiter
    return None


def _fitness(delimiter: Delimiter, sample: list[str], knows: Callable[[str], bool]) -> float:
    """How much the lines look like a table when split at this delimiter."""
    cells = [split(line, delimiter) for line in sample]
    known = max(sum(map(knows, row)) for row in cells)
    if delimiter is Delimiter.SPACE:
        # Prose also has spaces: only a header that nobody writes by chance speaks for them.
        words = cells[0]
        known = sum(map(knows, words))
        return known * 0.8 if known >= 3 and known >= 0.6 * len(words) else 0.0
    widths = Counter(len(row) for row in cells)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    if width < 3 and known < 2:
        return 0.0
    steady = count / len(sample)
    return known + 3 * steady if steady >= 0.5 or known >= 2 else 0.0


def is_rule(line: str, delimiter: Delimiter) -> bool:
    """Whether the line only draws: `|---|---|`, `┌──┬──┐`, a code fence."""
    if delimiter is not Delimiter.PIPE:
        return _FENCE.match(line) is not None
    return _RULE.fullmatch(line) is not None or _FENCE.match(line) is not None


def split(line: str, delimiter: Delimiter) -> list[str]:
    """The cells of a line, without the spaces around them."""
    match delimiter:
        case Delimiter.TAB:
            # One line may be written otherwise than the rest: a header with a written-out \t.
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


def split_unlike(line: str, width: int) -> list[list[str]]:
    """What the cells of a line may be that lacks the table's delimiter: spaces stand for it."""
    ways = (_GAP_OR_TAB.split(line.strip(" ")), line.split(None, width - 1))
    return [cells for cells in ways if len(cells) == width and width > 2]


def _stripped(cells: list[str]) -> list[str]:
    return [cell.strip(" ") for cell in cells]


def _pipe_cells(line: str) -> list[str]:
    line = line.translate(_PIPES).strip()
    if "|" not in line:
        return [line]
    # A table may also be written without the outer pipes.
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    if "\\|" in line:
        cells = [cell.replace("\\|", "|") for cell in _ESCAPED_PIPE.split(line)]
    else:
        cells = line.split("|")
    return [cell.strip().strip(_MARKUP) for cell in cells]


def _quoted_cells(line: str, comma: str) -> list[str]:
    """CSV as RFC 4180 has it; a quote that never ends is a letter like any other."""
    if '"' not in line:
        return _stripped(line.split(comma))
    if line.count('"') % 2:
        return _stripped(line.split(comma))
    cells: list[str] = []
    parts = iter(line.split(comma))
    for part in parts:
        cell = part
        if part.lstrip(" ").startswith('"'):
            whole = [part]
            quotes = part.count('"')
            while quotes % 2:
                more = next(parts, None)
                if more is None:
                    break
                whole.append(more)
                quotes += more.count('"')
            cell = comma.join(whole).strip(" ")
            if len(cell) > 1 and cell.endswith('"'):
                cell = cell[1:-1].replace('""', '"')
        cells.append(cell)
    return _stripped(cells)


def join_quoted(lines: Sequence[str], index: int, comma: str) -> tuple[str, int]:
    """A line of a CSV table with the lines its quoted cell goes on in, and how many lines that is.

    A quote that is not closed within a few lines was never meant as one.
    """
    line = lines[index]
    if line.count('"') % 2 == 0 or not _opens(line, comma):
        return line, 1
    parts = [line]
    for following in lines[index + 1 : index + _QUOTED_LINES]:
        parts.append(following)
        if following.count('"') % 2:
            closed = re.match(r'[^"]*"\s*(?:$|' + re.escape(comma) + ")", following)
            return ("\n".join(parts), len(parts)) if closed else (line, 1)
    return line, 1


def _opens(line: str, comma: str) -> bool:
    """Whether the last quote of the line stands where a cell begins."""
    before = line[: line.rfind('"')].rstrip(" ")
    return not before or before.endswith(comma)
