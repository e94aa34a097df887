"""All experiments as dots and the best so far as a line: are we still improving, or flat?"""

from __future__ import annotations

import math

from textual.strip import Strip

from engine.core.session import Session
from engine.core.words import Direction, Verdict
from tui.view import View
from tui.widgets.figures import metric
from tui.widgets.painted import Run, Sheet, strip_of
from tui.widgets.plain_text import clean_line

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the dot at [row][column] of a braille cell."""
_LARGEST = 1e300
_FENCE = 3.0
"""Values further from the middle half than so many times its width are shown at the edge."""

_EMPTY, _DISCARD, _LINE, _BEYOND, _CRASH, _KEEP, _BEST = range(7)
_INKS = ("", "--discard", "--accent", "--attention", "--crash", "--keep", "--keep")


_Point = tuple[int, float, Verdict]
"""Number, metric (NaN if there is none) and verdict. A tuple, for there may be 10,000 of them."""


class ProgressChart(Sheet, can_focus=False):
    """The metric over the experiments; remade only when one has finished or the size changed."""

    DEFAULT_CSS = """
    ProgressChart { overflow: hidden hidden; scrollbar-gutter: auto; }
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._session = Session()
        self._painted_height = 0

    def show(self, view: View) -> None:
        """Paint the finished experiments of this view."""
        if _key(view.session) == _key(self._session):
            return
        self._session = view.session
        self.repaint()

    def caption(self) -> str:
        """What the border says; which way the metric improves and the best stand inside."""
        return f"Progress · {clean_line(self._session.config.metric)}"

    def line(self, y: int) -> Strip:
        if self._painted_height != self.inner.height:
            self._painted_width = None
        return super().line(y)

    def paint(self, width: int) -> list[Strip]:
        height = self._painted_height = self.inner.height
        points = _points(self._session)
        crash, finite = Verdict.CRASH, math.isfinite
        numbers = [value for _, value, verdict in points if verdict is not crash and finite(value)]
        if not points or height < 1:
            return [strip_of([("No experiment has finished yet.", self.ink("--dim"))])]
        if not numbers:
            name = clean_line(self._session.config.metric)
            crashed = f"All {len(points)} crashed: there is no {name} yet."
            return [strip_of([(crashed, self.ink("--crash"))])]
        low, high = _bounds(numbers)
        legend = height >= 5
        axis = height >= 3
        rows = max(1, height - legend - axis)
        places = _places(low, high)
        labels = _labels(low, high, rows, places)
        margin = max(len(text) for text in labels.values()) + 1
        if margin > width // 2:
            labels, margin = {}, 0
        canvas = _Canvas(max(1, width - margin), rows, low, high, len(points))
        self._plot(canvas, points)
        lines: list[Strip] = []
        if legend:
            lines.append(strip_of(self._legend(width)))
        dim = self.ink("--dim")
        for row in range(rows):
            runs: list[Run] = [(f"{labels.get(row, ''):>{margin - 1}}┤", dim)] if margin else []
            runs += [(text, self.ink(ink) if ink else None) for text, ink in canvas.row(row)]
            lines.append(strip_of(runs))
        if axis:
            # The last point is in the last column, so that is where its label ends.
            first, last = f"#{points[0][0]}", f"#{points[-1][0]}"
            room = width - margin - len(first) - len(last)
            text = f"{first}{' ' * room}{last}" if room > 0 and len(points) > 1 else first
            lines.append(strip_of([(" " * margin + text, dim)]))
        return lines

    def _legend(self, width: int) -> list[Run]:
        session = self._session
        name = clean_line(session.config.metric)
        arrow, better = ("↓", "lower") if session.direction is Direction.MIN else ("↑", "higher")
        way = f" {arrow} {better} is better" if width >= 48 else f" {arrow}"
        runs: list[Run] = [(name, self.ink("--strong")), (way, self.ink("--dim"))]
        best = session.best_metric
        if best is not None:
            runs.append((f"  ★ {metric(best)} #{session.incumbent}", self.ink("--keep")))
        if width >= 64:
            runs += [
                ("   ● keep", self.ink("--keep")),
                (" ⠂ discard", self.ink("--discard")),
                (" ✗ crash", self.ink("--crash")),
            ]
        return runs

    def _plot(self, canvas: _Canvas, points: list[_Point]) -> None:
        maximise = self._session.direction is Direction.MAX
        best: float | None = None
        discards: list[tuple[int, float]] = []
        for place, (number, value, verdict) in enumerate(points):
            if verdict is Verdict.DISCARD and value == value:
                discards.append((place, value))
            elif verdict is Verdict.CRASH or not math.isfinite(value):
                canvas.mark(place, None, "✗", _CRASH)
            else:
                if best is None or (value > best if maximise else value < best):
                    canvas.step(place, best, value)
                    best = value
                star = number == self._session.incumbent
                canvas.mark(place, value, "★" if star else "●", _BEST if star else _KEEP)
        if best is not None:
            canvas.line_to(len(points) - 1, best)
        canvas.dots(discards)


class _Canvas:
    """Cells of 2 x 4 braille dots, with glyphs over them."""

    def __init__(self, columns: int, rows: int, low: float, high: float, count: int) -> None:
        self._columns, self._rows = columns, rows
        self._low, self._span = low, high - low
        self._bits = [bytearray(columns) for _ in range(rows)]
        self._inks = [bytearray(columns) for _ in range(rows)]
        self._glyphs: dict[tuple[int, int], str] = {}
        wide = columns * 2 - 1
        # Few points are spread over the whole width, many share columns.
        self._scale = wide / max(1, count - 1)
        self._line_x = 0

    def _x(self, place: int) -> int:
        return int(place * self._scale)

    def _y(self, value: float) -> int:
        """Dot row from the top; outside the canvas where the value is."""
        share = (value - self._low) / self._span
        last = self._rows * 4 - 1
        if share != share or share < -1e-9:
            return last + 1
        if share > 1 + 1e-9:
            return -1
        return last - round(min(max(share, 0.0), 1.0) * last)

    def _set(self, x: int, y: int, ink: int) -> None:
        row, column = y >> 2, x >> 1
        self._bits[row][column] |= _DOTS[y & 3][x & 1]
        if ink > self._inks[row][column]:
            self._inks[row][column] = ink

    def dots(self, points: list[tuple[int, float]]) -> None:
        """The discarded experiments, by place and value."""
        last = self._rows * 4 - 1
        low, factor, scale = self._low, last / self._span, self._scale
        bits, inks = self._bits, self._inks
        for place, value in points:
            height = (value - low) * factor
            if -0.5 <= height < last + 0.5:
                y = last - int(height + 0.5)
                x = int(place * scale)
                row, column = y >> 2, x >> 1
                bits[row][column] |= _DOTS[y & 3][x & 1]
                if not inks[row][column]:
                    inks[row][column] = _DISCARD
            else:
                self.mark(place, value, "", _BEYOND)

    def mark(self, place: int, value: float | None, glyph: str, ink: int) -> None:
        """A glyph of a whole cell: without a value at the bottom, beyond the range as an arrow."""
        y = self._rows * 4 - 1 if value is None else self._y(value)
        if y < 0:
            y, glyph, ink = 0, "▲", max(ink, _BEYOND)
        elif y >= self._rows * 4:
            y, glyph, ink = self._rows * 4 - 1, "▼", max(ink, _BEYOND)
        row, column = y >> 2, self._x(place) >> 1
        if ink >= self._inks[row][column] or (row, column) not in self._glyphs:
            self._glyphs[row, column] = glyph
            self._inks[row][column] = max(ink, self._inks[row][column])

    def line_to(self, place: int, value: float) -> None:
        """Draw the best so far up to this place."""
        y = min(max(self._y(value), 0), self._rows * 4 - 1)
        end = self._x(place)
        for x in range(self._line_x, end + 1):
            self._set(x, y, _LINE)
        self._line_x = end

    def step(self, place: int, old: float | None, new: float) -> None:
        """The best so far changes here."""
        if old is not None:
            self.line_to(place, old)
        last = self._rows * 4 - 1
        x = self._line_x = self._x(place)
        first = min(max(self._y(new if old is None else old), 0), last)
        second = min(max(self._y(new), 0), last)
        for y in range(min(first, second), max(first, second) + 1):
            self._set(x, y, _LINE)

    def row(self, row: int) -> list[tuple[str, str]]:
        """Runs of text of one ink."""
        runs: list[tuple[str, str]] = []
        text, current = "", -1
        for column in range(self._columns):
            bits, ink = self._bits[row][column], self._inks[row][column]
            glyph = self._glyphs.get((row, column)) or (chr(_BRAILLE + bits) if bits else " ")
            if ink != current:
                if text:
                    runs.append((text, _INKS[current]))
                text, current = "", ink
            text += glyph
        if text:
            runs.append((text, _INKS[current]))
        return runs


def _key(session: Session) -> tuple[object, ...]:
    return (
        session.counts,
        session.unsettled,
        session.incumbent,
        session.config.metric,
        session.config.direction,
        session.base_commit,
        session.started_at,
    )


def _points(session: Session) -> list[_Point]:
    nothing = math.nan
    return [
        (e.number, nothing if e.measurement is None else e.measurement.metric, verdict)
        for e in session.experiments
        # A row of somebody else's table that decides nothing is a dot all the same.
        if (verdict := e.overruled or e.verdict or (Verdict.DISCARD if e.row_status else None))
        is not None
    ]


def _bounds(values: list[float]) -> tuple[float, float]:
    """The range to show: all values but those far from the rest."""
    values = sorted(values)
    count = len(values)
    first, third = values[count // 4], values[(3 * count) // 4]
    spread = third - first
    if spread <= 0:
        spread = values[-1 - count // 20] - values[count // 20]
    if not spread > 0:
        spread = abs(values[count // 2]) * 0.01
    fence = _FENCE * spread
    near = [value for value in values if first - fence <= value <= third + fence]
    low, high = (near[0], near[-1]) if near else (values[0], values[-1])
    low, high = (min(max(bound, -_LARGEST), _LARGEST) for bound in (low, high))
    if high <= low:
        pad = max(abs(low) * 0.01, 1e-9)
        return low - pad, high + pad
    return low, high


def _places(low: float, high: float) -> int:
    """Decimal places that tell the axis labels apart."""
    span = high - low
    if not span > 0:
        return 3
    return min(6, max(0, 2 - math.floor(math.log10(span))))


def _labels(low: float, high: float, rows: int, places: int) -> dict[int, str]:
    wanted = {0: high, rows - 1: low} if rows > 1 else {0: high}
    if rows >= 7:
        middle = rows // 2
        wanted[middle] = high - (high - low) * middle / (rows - 1)
    return {row: metric(value, places) for row, value in wanted.items()}
