"""Draws the session's chart: experiments as points, the best value so far as a line."""

from __future__ import annotations

import math

from textual.strip import Strip

from engine.core.analysis.counterfactual import Fate, WhatIf
from engine.core.enums import Direction, Verdict
from engine.core.keep_rule.certainty import noise_key
from engine.core.keep_rule.from_session import spread_of
from engine.core.session import Session
from tui.present.numbers import metric
from tui.present.text import clean_line
from tui.view import View
from tui.widgets.chart_canvas import Canvas, CellPaint
from tui.widgets.painted import Run, Sheet, strip_of

_LARGEST = 1e300
_BAND = 2.0
"""Half the height of the band about the incumbent's value, in σ."""
_FENCE = 3.0
"""A value further from the quartiles than 3 interquartile ranges is drawn at the chart's edge."""

_PAST_SHARE = 0.5
"""The largest share of the chart's width that imported attempts get, from 0 to 1."""

_FATES = {Fate.REPEATED: ("?", CellPaint.BEYOND), Fate.DISCARDED: ("↓", CellPaint.LINE)}
"""The glyph of a keep that would not stand as it is, and what its cell shows."""
_LEGEND = (("   ● keep", "--keep"), (" ⠂ discard", "--discard"), (" ✗ crash", "--crash"))
_FATES_LEGEND = (
    ("   ● stands", "--keep"),
    (" ? repeat", "--attention"),
    (" ↓ discard", "--accent"),
)

_Point = tuple[int, float, Verdict]
"""Number, metric (NaN if there is none) and verdict; a tuple, because there may be 10,000."""


class ProgressChart(Sheet, can_focus=False):
    """A panel with the metric of each finished experiment, repainted when one has ended."""

    fills_height = True
    DEFAULT_CSS = """
    ProgressChart { overflow: hidden hidden; scrollbar-gutter: auto; }
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._session = Session()
        self._sigma: float | None = None
        """The upper bound of σ; None where σ is not known or 0."""
        self._what_if: WhatIf | None = None

    def show(self, view: View) -> None:
        """Draw the view's finished experiments; repaint only if one was added or changed."""
        if view.what_if is self._what_if and _key(view.session) == _key(self._session):
            return
        self._session, self._what_if = view.session, view.what_if
        spread = spread_of(view.session)
        self._sigma = (spread.upper or None) if spread is not None and spread.is_known else None
        self.repaint()

    def caption(self) -> str:
        """Return the title in the panel's border: `Progress · val_bpb`, with the metric's name."""
        return f"Progress · {clean_line(self._session.config.metric)}"

    def paint(self, width: int) -> list[Strip]:
        height = self.inner.height
        points, past = _points(self._session), _past_points(self._session)
        numbers, before = _finite(points), _finite(past)
        if not (points or before) or height < 1:
            return [strip_of([("No experiment has finished yet.", self.style_of("--dim"))])]
        if not (numbers or before):
            name = clean_line(self._session.config.metric)
            if all(e.effective_verdict is Verdict.CRASH for e in self._session.experiments):
                crashed = f"All {len(points)} crashed: there is no {name} yet."
                return [strip_of([(crashed, self.style_of("--crash"))])]
            none = f"None of the {len(points)} has a {name} that is a number."
            return [strip_of([(none, self.style_of("--dim"))])]
        ranges = [_bounds(values) for values in (numbers, before) if values]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        legend = height >= 5
        axis = height >= 3
        rows = max(1, height - legend - axis)
        labels = _labels(low, high, rows, _places(low, high))
        margin = max(len(text) for text in labels.values()) + 1
        if margin > width // 2:
            labels, margin = {}, 0
        columns = max(1, width - margin)
        left = _columns_before(columns, len(past), len(points))
        canvas = Canvas(max(1, columns - left - bool(left)), rows, low, high, len(points))
        self._plot(canvas, points)
        self._draw_band(canvas, points)
        older = Canvas(max(1, left), rows, low, high, len(past))
        _plot_past(older, past)
        lines: list[Strip] = []
        if legend:
            missing = sum(
                verdict is not Verdict.CRASH and not math.isfinite(value)
                for _, value, verdict in points
            )
            lines.append(strip_of(self._legend(width, missing)))
        dim = self.style_of("--dim")
        for row in range(rows):
            runs: list[Run] = [(f"{labels.get(row, ''):>{margin - 1}}┤", dim)] if margin else []
            if left:
                runs += [(text, dim) for text, _ in older.row(row)] + [("┊", dim)]
            runs += self.runs(canvas.row(row))
            lines.append(strip_of(runs))
        if axis:
            text = " " * margin + _axis(width - margin, left, past, points)
            lines.append(strip_of([(text, dim)]))
        return lines

    def _legend(self, width: int, missing: int) -> list[Run]:
        """Return the line above the chart.

        Args:
            width: Cells of the line.
            missing: Number of experiments that are not drawn, because they have no value.
        """
        session = self._session
        name = clean_line(session.config.metric)
        arrow, better = ("↓", "lower") if session.direction is Direction.MIN else ("↑", "higher")
        way = f" {arrow} {better} is better" if width >= 48 else f" {arrow}"
        runs: list[Run] = [(name, self.style_of("--strong")), (way, self.style_of("--dim"))]
        best = session.best_metric
        if best is not None:
            runs.append((f"  ★ {metric(best)} #{session.incumbent}", self.style_of("--keep")))
        if missing:
            runs.append((f"  {missing} not drawn: no value", self.style_of("--dim")))
        if width >= 64:
            runs += self.runs(_LEGEND if self._what_if is None else _FATES_LEGEND)
        if self._sigma is not None and width >= 74:
            runs.append((" ░ ±2 σ", self.style_of("--discard")))
        return runs

    def _draw_band(self, canvas: Canvas, points: list[_Point]) -> None:
        """Draw where other runs of the incumbent's code are expected: ±2 σ, by σ's upper bound."""
        best, sigma = self._session.best_metric, self._sigma
        places = [p for p, (number, _, _) in enumerate(points) if number == self._session.incumbent]
        if best is not None and sigma is not None and places:
            canvas.band(places[0], best - _BAND * sigma, best + _BAND * sigma)

    def _plot(self, canvas: Canvas, points: list[_Point]) -> None:
        maximise = self._session.direction is Direction.MAX
        fates = self._what_if.fates if self._what_if is not None else {}
        best: float | None = None
        discards: list[tuple[int, float]] = []
        for place, (number, value, verdict) in enumerate(points):
            if verdict is Verdict.DISCARD and value == value:
                discards.append((place, value))
            elif verdict is Verdict.CRASH:
                canvas.mark(place, None, "✗", CellPaint.CRASH)
            elif math.isfinite(value):
                if best is None or (value > best if maximise else value < best):
                    canvas.step(place, best, value)
                    best = value
                if (fate := fates.get(number)) not in (None, Fate.STANDS):
                    canvas.mark(place, value, *_FATES[fate])
                    continue
                star = number == self._session.incumbent
                canvas.mark(
                    place, value, "★" if star else "●", CellPaint.BEST if star else CellPaint.KEEP
                )
        if best is not None:
            canvas.line_to(len(points) - 1, best)
        canvas.dots(discards)


def _columns_before(columns: int, past: int, points: int) -> int:
    """Return the columns left of the experiments for imported attempts; at most half of all.

    Args:
        columns: The columns of the whole chart.
        past: The number of imported attempts.
        points: The number of finished experiments.
    """
    if not past or columns < 3:
        return 0
    share = min(_PAST_SHARE, past / (past + points))
    return max(1, round((columns - 1) * share))


def _plot_past(canvas: Canvas, past: list[_Point]) -> None:
    """Draw imported attempts: a circle if kept, a cross if crashed, else a dot.

    They have no line of the best value, since their metrics may not be comparable.
    """
    tried: list[tuple[int, float]] = []
    for place, (_, value, verdict) in enumerate(past):
        if verdict is Verdict.CRASH or value != value:
            canvas.mark(place, None, "×", CellPaint.DISCARD)
        elif verdict is Verdict.KEEP:
            canvas.mark(place, value, "○", CellPaint.DISCARD)
        else:
            tried.append((place, value))
    canvas.dots(tried)


def _axis(width: int, left: int, past: list[_Point], points: list[_Point]) -> str:
    """Return the line of numbers below the chart: the first and last experiment and attempt.

    Args:
        width: Cells of the line.
        left: Columns of the imported attempts.
        past: The imported attempts.
        points: The finished experiments.
    """
    before = ""
    if left:
        number = f"·{past[0][0]}"
        label = f"{number} before the journal"
        before = next((text for text in (label, number) if len(text) <= left), "")
        before = before.ljust(left + 1)
    if not points:
        return before
    first, last = f"#{points[0][0]}", f"#{points[-1][0]}"
    room = width - len(before) - len(first) - len(last)
    return before + (f"{first}{' ' * room}{last}" if room > 0 and len(points) > 1 else first)


def _key(session: Session) -> tuple[object, ...]:
    return (
        noise_key(session),
        len(session.past),
        session.counts,
        session.pending_overrules,
        session.incumbent,
        session.epoch,
        session.is_best_outdated,
        session.config.metric,
        session.config.direction,
        session.base_commit,
        session.started_at,
    )


def _points(session: Session) -> list[_Point]:
    """Return the points of finished experiments, without values of other evaluation epochs."""
    nothing = math.nan
    return [
        (e.number, nothing if (value := e.value) is None else value, verdict)
        for e in session.experiments
        if e.measurement is None or e.epoch == session.epoch
        # A row of an imported table without a verdict is drawn as a dot as well.
        if (verdict := e.overruled or e.verdict or (Verdict.DISCARD if e.row_status else None))
        is not None
    ]


def _past_points(session: Session) -> list[_Point]:
    """Return the points of imported attempts, numbered by row; no verdict counts as a discard."""
    nothing = math.nan
    return [
        (a.row, nothing if a.metric is None else a.metric, a.verdict or Verdict.DISCARD)
        for a in session.past
    ]


def _finite(points: list[_Point]) -> list[float]:
    """Return the metrics of points that did not crash and are finite, for the chart's range."""
    crash, finite = Verdict.CRASH, math.isfinite
    return [value for _, value, verdict in points if verdict is not crash and finite(value)]


def _bounds(values: list[float]) -> tuple[float, float]:
    """Return the lowest and highest value to draw: of all values except outliers (`_FENCE`)."""
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
    """Return the decimal places, 0 to 6, at which axis labels from `low` to `high` differ."""
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
