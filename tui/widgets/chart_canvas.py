"""Draws a chart of braille dots and glyphs; of two marks in one cell the more important shows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of the dot at [row][column] in a braille character, for 4 rows and 2 columns."""


class CellPaint(IntEnum):
    """What a cell of the chart shows; of two values in one cell the greater one is painted."""

    EMPTY = 0
    DISCARD = 1
    OTHER = 2
    LINE = 3
    BEYOND = 4
    CRASH = 5
    KEEP = 6
    BEST = 7


_CLASSES = ("", "--discard", "--strong", "--accent", "--attention", "--crash", "--keep", "--keep")
"""The Textual component class in which each `CellPaint` is painted, by its value."""


class Canvas:
    """A chart in memory: each text cell has 2 × 4 braille dots, and may have a glyph over them.

    Args:
        columns: Width in text cells.
        rows: Height in text cells.
        low: The value at the bottom.
        high: The value at the top.
        count: The number of places (points side by side) spread over the width.
    """

    def __init__(self, columns: int, rows: int, low: float, high: float, count: int) -> None:
        self._columns, self._rows = columns, rows
        self._low, self._span = low, high - low
        self._bits = [bytearray(columns) for _ in range(rows)]
        self._paint = [bytearray(columns) for _ in range(rows)]
        self._glyphs: dict[tuple[int, int], str] = {}
        last_x = columns * 2 - 1
        # A few points spread over the whole width; many share columns.
        self._scale = last_x / max(1, count - 1)
        self._line_x = 0
        self._band = (range(0), columns)
        """The rows of a shaded band, and its first column."""

    def _x(self, place: int) -> int:
        return int(place * self._scale)

    def _y(self, value: float) -> int:
        """Return the row of dots of a value, 0 at the top; outside the canvas if the value is."""
        share = (value - self._low) / self._span
        last = self._rows * 4 - 1
        if share != share or share < -1e-9:
            return last + 1
        if share > 1 + 1e-9:
            return -1
        return last - round(min(max(share, 0.0), 1.0) * last)

    def _set(self, x: int, y: int, paint: int) -> None:
        row, column = y >> 2, x >> 1
        self._bits[row][column] |= _DOTS[y & 3][x & 1]
        if paint > self._paint[row][column]:
            self._paint[row][column] = paint

    def dots(self, points: list[tuple[int, float]]) -> None:
        """Draw points as single dots; a point outside the range is an arrow at the edge.

        Args:
            points: Place (from 0 at the left) and value of each.
        """
        last = self._rows * 4 - 1
        low, factor, scale = self._low, last / self._span, self._scale
        bits, paints = self._bits, self._paint
        for place, value in points:
            height = (value - low) * factor
            if -0.5 <= height < last + 0.5:
                y = last - int(height + 0.5)
                x = int(place * scale)
                row, column = y >> 2, x >> 1
                bits[row][column] |= _DOTS[y & 3][x & 1]
                if not paints[row][column]:
                    paints[row][column] = CellPaint.DISCARD
            else:
                self.mark(place, value, "", CellPaint.BEYOND)

    def mark(self, place: int, value: float | None, glyph: str, paint: int) -> None:
        """Draw a glyph over a whole cell; a less important one in the same cell is replaced.

        Args:
            place: The place along the width, from 0 at the left.
            value: The value; None for the bottom row. Outside the range an arrow is drawn.
            glyph: The character to draw.
            paint: The `CellPaint` of the cell.
        """
        y = self._rows * 4 - 1 if value is None else self._y(value)
        if y < 0:
            y, glyph, paint = 0, "▲", max(paint, CellPaint.BEYOND)
        elif y >= self._rows * 4:
            y, glyph, paint = self._rows * 4 - 1, "▼", max(paint, CellPaint.BEYOND)
        row, column = y >> 2, self._x(place) >> 1
        if paint >= self._paint[row][column] or (row, column) not in self._glyphs:
            self._glyphs[row, column] = glyph
            self._paint[row][column] = max(paint, self._paint[row][column])

    def band(self, place: int, low: float, high: float) -> None:
        """Shade the empty cells between two values, from a place to the right end."""
        last = self._rows * 4 - 1
        top, bottom = (min(max(self._y(value), 0), last) for value in (high, low))
        self._band = (range(top >> 2, (bottom >> 2) + 1), self._x(place) >> 1)

    def line_to(self, place: int, value: float) -> None:
        """Continue the line of the best value horizontally, at this value, up to a place."""
        y = min(max(self._y(value), 0), self._rows * 4 - 1)
        end = self._x(place)
        for x in range(self._line_x, end + 1):
            self._set(x, y, CellPaint.LINE)
        self._line_x = end

    def step(self, place: int, old: float | None, new: float) -> None:
        """Continue the line of the best value up to a place, and draw its step to a new value.

        Args:
            place: The place of the step, from 0 at the left.
            old: The value before the step; None where the line begins.
            new: The value after the step.
        """
        if old is not None:
            self.line_to(place, old)
        last = self._rows * 4 - 1
        x = self._line_x = self._x(place)
        first = min(max(self._y(new if old is None else old), 0), last)
        second = min(max(self._y(new), 0), last)
        for y in range(min(first, second), max(first, second) + 1):
            self._set(x, y, CellPaint.LINE)

    def trace(
        self, points: Sequence[tuple[int, float]], paint: int, on: int = 1, period: int = 1
    ) -> None:
        """Draw a line through points from left to right; parts outside the range are left out.

        Args:
            points: Place (from 0 at the left) and value of each.
            paint: The `CellPaint` of the line.
            on: How many of each `period` columns of dots are drawn; fewer make a broken line.
            period: The length of the pattern in columns of dots.
        """
        last = self._rows * 4 - 1
        at = [(self._x(place), last - (v - self._low) / self._span * last) for place, v in points]
        for (x, y), (next_x, next_y) in zip(at, at[1:] or at, strict=False):
            count = max(next_x - x, int(abs(next_y - y)), 1)
            for step in range(count + 1):
                column = round(x + (next_x - x) * step / count)
                row = round(y + (next_y - y) * step / count)
                if column % period < on and 0 <= row <= last:
                    self._set(column, row, paint)

    def shade(self, low: float, high: float, columns: int) -> None:
        """Shade the empty cells at the right edge between two values."""
        last = self._rows * 4 - 1
        top, bottom = (min(max(self._y(value), 0), last) >> 2 for value in (high, low))
        for row in range(top, bottom + 1):
            for column in range(self._columns - columns, self._columns):
                if not self._paint[row][column]:
                    self._glyphs[row, column] = "░"
                    self._paint[row][column] = CellPaint.DISCARD

    def row(self, row: int) -> list[tuple[str, str]]:
        """Return one row of the chart as texts with the Textual component class of each."""
        runs: list[tuple[str, str]] = []
        text, current = "", -1
        for column in range(self._columns):
            bits, paint = self._bits[row][column], self._paint[row][column]
            glyph = self._glyphs.get((row, column)) or (chr(_BRAILLE + bits) if bits else " ")
            if glyph == " " and row in self._band[0] and column >= self._band[1]:
                glyph, paint = "░", max(paint, CellPaint.DISCARD)
            if paint != current:
                if text:
                    runs.append((text, _CLASSES[current]))
                text, current = "", paint
            text += glyph
        if text:
            runs.append((text, _CLASSES[current]))
        return runs
