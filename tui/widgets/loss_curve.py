"""Draws the loss of the current run over the incumbent's, at equal share of the budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from textual.strip import Strip

from engine.core.analysis.finished_curves import finished_curves
from engine.core.curves.comparison import FinishedCurve
from engine.core.curves.curve import Curve, Track
from engine.core.records import Experiment, Run
from engine.core.session import Session
from engine.store.curve_file import CurveFile
from tui.present.lines import TextLine
from tui.present.loss_curve import CurveChart, Line, curve_chart, facts, legend, shown_run
from tui.present.numbers import metric
from tui.view import View
from tui.widgets.chart_canvas import Canvas, CellPaint
from tui.widgets.painted import Sheet, strip_of
from tui.widgets.wrapped import wrapped

_PLACES = 1000
"""Places over the width of the chart, so that a point may lie at any column."""
_STEEP = 0.05
"""The first part of the axis, where the loss falls so fast that it would flatten the rest."""
_MOST_CHOSEN = 4
_BAND_COLUMNS = 2


class LossCurve(Sheet, can_focus=False):
    """A panel with the loss curves of the current run, of the incumbent and of chosen experiments.

    Args:
        file_of: Returns the file of a run's curve by the numbers of experiment and run; None: none.
    """

    fills_height = True
    DEFAULT_CSS = """
    LossCurve { overflow: hidden hidden; scrollbar-gutter: auto; }
    """

    def __init__(
        self,
        file_of: Callable[[int, int], CurveFile | None],
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.chosen: tuple[int, ...] = ()
        """The numbers of the experiments whose curves are drawn too, the last chosen last."""
        self.is_log = False
        """Whether the losses have a logarithmic scale."""
        self._file_of = file_of
        self._files: dict[tuple[int, int], CurveFile | None] = {}
        self._view = View()
        self._chart: CurveChart | None = None
        self._run: Run | None = None
        self._finished: tuple[object, list[FinishedCurve]] = None, []
        self._painted_for: tuple[object, ...] = ()

    # ---- what is shown ---------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Draw the curves of the view's moment; repaint only where they have changed."""
        if view.session.started_at != self._view.session.started_at:  # another session
            self._files, self.chosen = {}, ()
        self._view = view
        shown = shown_run(view.session)
        self._run = None if shown is None else shown[1]
        key = (
            None if shown is None else (shown[0].number, shown[1].number, shown[1].outcome),
            None if shown is None else (shown[1].behind, len(shown[1].curve)),
            view.session.counts.total,
            self.chosen,
            self.is_log,
            None if shown is None else self._curve(*shown).points[-1:],
        )
        if key == self._painted_for:
            return
        self._painted_for = key
        self._chart = curve_chart(view.session, self._curve, self.chosen, self._evidence())
        self.repaint()

    def choose(self, number: int) -> bool:
        """Draw an experiment's curve too, or no longer; return whether it is drawn now."""
        drawn = number not in self.chosen
        others = tuple(each for each in self.chosen if each != number)
        self.chosen = (*others, number)[-_MOST_CHOSEN:] if drawn else others
        self.show(self._view)
        return drawn

    def toggle_scale(self) -> None:
        """Switch between a linear and a logarithmic scale of the losses."""
        self.is_log = not self.is_log
        self.show(self._view)

    def caption(self) -> str:
        """Return the title in the panel's border: `Loss · #14 · log`, with run and scale."""
        chart = self._chart
        if chart is None:
            return "Loss"
        scale = "linear, as some are not above 0" if self.is_log else "linear"
        if self._draws_log(chart):
            scale = "log"
        return f"Loss · #{chart.own.number} · {scale}"

    def _draws_log(self, chart: CurveChart) -> bool:
        """Return whether the scale is logarithmic, which needs losses above 0."""
        return self.is_log and all(loss > 0 for line in _lines(chart) for loss in line.track.losses)

    def _curve(self, experiment: Experiment, run: Run) -> Curve:
        """Return the curve of a run at the moment shown."""
        key = experiment.number, run.number
        if key not in self._files:
            self._files[key] = self._file_of(*key)
        file = self._files[key]
        if file is None:
            return Curve()
        if file.is_slow:
            if self.is_mounted:
                self.run_worker(self._read_log(file), group=f"curve-{key}", exit_on_error=True)
        elif run is self._run or not file.curve.points:
            file.poll()
        if run.outcome is not None or self._view.replay is None:
            return file.curve
        # A replay of a moment in the middle of the run.
        return file.curve.until(run.curve[-1].share) if run.curve else Curve()

    async def _read_log(self, file: CurveFile) -> None:
        """Make the curve of a run of an earlier release from its log, which takes a while."""
        if await asyncio.to_thread(file.poll):
            self._finished = None, []
            self.show(self._view)

    def _evidence(self) -> list[FinishedCurve]:
        session: Session = self._view.session
        if self._finished[0] != (session.counts.total, session.base_commit):
            key = (session.counts.total, session.base_commit)
            self._finished = key, finished_curves(session, self._track)
        return self._finished[1]

    def _track(self, experiment: Experiment, run: Run) -> Track | None:
        return self._curve(experiment, run).by_share()

    # ---- painting --------------------------------------------------------------------------------

    def paint(self, width: int) -> list[Strip]:
        height = self.inner.height
        chart, run = self._chart, self._run
        if chart is None or run is None or height < 1:
            dim = self.style_of("--dim")
            return [strip_of([(line, dim)]) for line in wrapped(self._nothing(), width)]
        below = _wrapped(facts(chart, run), width)[: max(0, (height - 5) // 2)]
        rows = max(1, height - 2 - len(below))
        is_log = self._draws_log(chart)
        low, high = _bounds(chart, is_log)
        labels = _labels(low, high, rows, is_log)
        margin = max(map(len, labels.values())) + 1
        canvas = Canvas(max(1, width - margin), rows, low, high, _PLACES + 1)
        _draw(canvas, chart, is_log)
        strips = [strip_of(self.runs(legend(chart)))]
        dim = self.style_of("--dim")
        for row in range(rows):
            label = (f"{labels.get(row, ''):>{margin - 1}}┤", dim)
            strips.append(strip_of([label, *self.runs(canvas.row(row))]))
        strips.append(strip_of([(" " * margin + _axis(chart, width - margin), dim)]))
        return [*strips, *(strip_of(self.runs(texts)) for texts in below)]

    def _nothing(self) -> str:
        """Return why no curve is drawn."""
        view, shown = self._view, shown_run(self._view.session)
        if view.replay is not None and view.replay.from_table:
            return "Loss curves: not recorded in a results table."
        if shown is None:
            return "No run yet."
        file = self._files.get((shown[0].number, shown[1].number))
        if file is not None and file.is_slow:
            return "Reading the log …"
        if shown[1].outcome is not None:
            return f"The log of #{shown[0].number} shows no loss with a step or a share."
        return f"The log of #{shown[0].number} shows no loss yet."


def _wrapped(lines: list[list[TextLine]], width: int) -> list[list[TextLine]]:
    """Return lines of texts so that each fits a width; the texts of a longer one are wrapped."""
    found: list[list[TextLine]] = []
    for line in lines:
        if sum(len(text) for text, _ in line) <= width:
            found.append(line)
        else:
            found += [
                [(part, style)]
                for text, style in line
                for part in wrapped(text.strip(" ,·"), width)
            ]
    return found


def _lines(chart: CurveChart) -> list[Line]:
    best = [] if chart.best is None else [chart.best]
    return [*chart.others, *best, chart.own]


def _losses(line: Line) -> list[float]:
    """Return the losses of a line, without its steep beginning where anything is behind that."""
    track = line.track
    late = [
        loss
        for position, loss in zip(track.positions, track.losses, strict=True)
        if position >= _STEEP * track.end
    ]
    return late or list(track.losses)


def _scaled(loss: float, is_log: bool) -> float:
    return math.log10(loss) if is_log else loss


def _bounds(chart: CurveChart, is_log: bool) -> tuple[float, float]:
    """Return the lowest and highest loss to draw, scaled."""
    losses = [loss for line in _lines(chart) for loss in _losses(line)]
    projected = chart.projection
    if projected is not None:
        ends = (projected.loss, projected.low, projected.high)
        losses += [end for end in ends if end is not None and (end > 0 or not is_log)]
    low, high = _scaled(min(losses), is_log), _scaled(max(losses), is_log)
    pad = (high - low) * 0.03 or max(abs(low) * 0.01, 1e-9)
    return low - pad, high + pad


def _labels(low: float, high: float, rows: int, is_log: bool) -> dict[int, str]:
    """Return the losses beside the top, middle and bottom row of the chart."""
    wanted = {0, rows - 1, *((rows // 2,) if rows >= 7 else ())}
    values = {row: high - (high - low) * row / max(1, rows - 1) for row in wanted}
    losses = {row: 10**value if is_log else value for row, value in values.items()}
    span = max(losses.values()) - min(losses.values())
    places = min(6, max(0, 2 - math.floor(math.log10(span)))) if span > 0 else 3
    return {row: metric(loss, places) for row, loss in losses.items()}


def _draw(canvas: Canvas, chart: CurveChart, is_log: bool) -> None:
    end = 1.0 if chart.by_share else max(line.track.end for line in _lines(chart)) or 1.0

    def place(position: float) -> int:
        return round(min(position / end, 1.0) * _PLACES)

    def points(track: Track) -> list[tuple[int, float]]:
        pairs = zip(track.positions, track.losses, strict=True)
        return [(place(position), _scaled(loss, is_log)) for position, loss in pairs]

    for line in chart.others:
        canvas.trace(points(line.track), CellPaint.OTHER, on=4, period=6)
    if chart.best is not None:
        canvas.trace(points(chart.best.track), CellPaint.DISCARD, on=1, period=2)
    canvas.trace(points(chart.own.track), CellPaint.LINE)
    for start, _ in chart.stalls:
        canvas.mark(place(start), None, "┊", CellPaint.BEYOND)
    for position, loss in chart.spikes:
        canvas.mark(place(position), _scaled(loss, is_log), "▲", CellPaint.BEYOND)
    projected = chart.projection
    if projected is None or (is_log and projected.loss <= 0):
        return
    if projected.low is not None and projected.high is not None:
        low = max(projected.low, 1e-12) if is_log else projected.low
        canvas.shade(_scaled(low, is_log), _scaled(projected.high, is_log), _BAND_COLUMNS)
    canvas.mark(_PLACES, _scaled(projected.loss, is_log), "◇", CellPaint.LINE)


def _axis(chart: CurveChart, width: int) -> str:
    """Return the line below the chart: the beginning and the end of the axis."""
    last = max(line.track.end for line in _lines(chart))
    first, end = ("0 %", "100 %") if chart.by_share else ("0", f"step {last:,.0f}")
    return first + " " * max(1, width - len(first) - len(end)) + end
