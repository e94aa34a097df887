"""Finds the column of a table whose heading is the metric's name, and its cells in later lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

BARS = "|│┃║┆¦"
"""Characters that separate the cells of a table."""
_RULE_LINE = re.compile(r"[\s\-=+_|:│┃║─━┼┿╪═╇╈├┤┝┥┣┫╞╡┡┩┌┬┐└┴┘]+")
_DELIMITERS = (
    re.compile(f"[{BARS}]"),
    re.compile(r"\t"),
    re.compile(r","),
    re.compile(r"\s{2,}"),
)
_BLANKS = re.compile(r"\s+")
_MISSES = 3


@dataclass(slots=True)
class Columns:
    """The columns of a table, of which one has the metric's name as its heading."""

    heading: str
    _delimiter: re.Pattern[str]
    _index: int
    _count: int
    _misses: int = 0

    @classmethod
    def of_heading(cls, line: str, name: re.Pattern[str]) -> Columns | None:
        """Return the columns of a line that is a table's heading; None for any other line."""
        for delimiter in _DELIMITERS:
            cells = _cells(line, delimiter)
            if len(cells) < 2:
                continue
            named = [i for i, cell in enumerate(cells) if name.fullmatch(cell)]
            plain = all(re.fullmatch(r"[^\d\W][^=:{}\"]*|#|", cell) for cell in cells)
            if len(named) == 1 and plain:
                rows = _BLANKS if delimiter is _DELIMITERS[-1] else delimiter
                return cls(cells[named[0]], rows, named[0], len(cells))
        return None

    def cell(self, line: str) -> str | None:
        """Return the metric's cell of a row; None for a line that is not a row of the table."""
        if _RULE_LINE.fullmatch(line):
            return None
        cells = _cells(line, self._delimiter)
        if len(cells) == self._count:
            self._misses = 0
            return cells[self._index]
        self._misses += 1
        return None

    @property
    def ended(self) -> bool:
        """Return whether so many lines were not rows that the table has ended."""
        return self._misses >= _MISSES


def _cells(line: str, delimiter: re.Pattern[str]) -> list[str]:
    text = line.strip()
    if delimiter is _DELIMITERS[0]:
        text = text.strip(BARS)
    return [cell.strip() for cell in delimiter.split(text)]
