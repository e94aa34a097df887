"""The share card: 1200 × 675, for a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.enums import Direction
from engine.core.text import duration
from engine.report.chart import paint
from engine.report.drawing import DARK, as_png, drawing_room, fitted, words
from engine.report.figures import change, listed, number, percent
from engine.report.model import ReportFacts
from engine.report.plot import plot_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 1200, 675
_DPI = 100
_LEFT = 0.045
_PIXELS = 390.0
"""The width of the words beside the picture."""


def card_png(facts: ReportFacts) -> bytes:
    """The card.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with drawing_room():
        return as_png(draw_card(facts), _DPI)


def draw_card(facts: ReportFacts) -> Figure:
    """The figure, inside a `drawing_room`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ink = DARK
    figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI, facecolor=ink.paper)
    FigureCanvasAgg(figure)
    _words(figure, facts)
    axes = figure.add_axes((0.47, 0.13, 0.495, 0.70))
    plot = plot_of(facts)
    paint(axes, plot, facts, ink, scale=1.05)
    what = "experiment" if facts.of_session else "row"
    better = "lower" if plot.lower else "higher"
    fitted(
        figure,
        0.965,
        0.885,
        f"{facts.metric} by {what}, {better} is better",
        560,
        fontsize=12,
        color=ink.quiet,
        ha="right",
    )
    words(figure, 0.965, 0.035, "autoresearch-tui", fontsize=11, color=ink.quiet, ha="right")
    return figure


def _words(figure: Figure, facts: ReportFacts) -> None:
    ink, sign = DARK, -1 if facts.direction is Direction.MIN else 1
    fitted(figure, _LEFT, 0.885, facts.name, _PIXELS, 0.75, fontsize=13, color=ink.quiet)
    value = facts.best.value if facts.best is not None else None
    big = number(value, facts.places) if value is not None else "no value"
    fitted(figure, _LEFT, 0.745, big, _PIXELS, 0.6, fontsize=48, color=ink.text, weight="bold")
    what = f"best {facts.metric}" if value is not None else "was measured"
    fitted(figure, _LEFT, 0.69, what, _PIXELS, 0.75, fontsize=15, color=ink.quiet)
    if facts.gain:
        moved = change(facts.direction, facts.gain, facts.places)
        if facts.percent is not None:
            moved = f"{percent(sign * facts.percent)}   {moved}"
        fitted(figure, _LEFT, 0.60, moved, _PIXELS, 0.6, fontsize=22, color=ink.keep, weight="bold")
        old = number(facts.baseline.value if facts.baseline else None, facts.places)
        sigma = "noise not known" if facts.sigmas is None else f"{facts.sigmas:.0f}σ of noise"
        fitted(
            figure, _LEFT, 0.555, f"from {old}; {sigma}", _PIXELS, fontsize=12.5, color=ink.quiet
        )
    c = facts.counts
    what = "experiments" if facts.of_session else "rows"
    took = f" in {duration(facts.hours.total)}" if facts.hours is not None else ""
    fitted(
        figure,
        _LEFT,
        0.462,
        f"{number(c.total, 0)} {what}{took}",
        _PIXELS,
        fontsize=14,
        color=ink.text,
    )
    counted = ((c.keep, "kept"), (c.discard, "discarded"), (c.crash, "crashed"), (c.other, "other"))
    parts = [f"{count} {word}" for count, word in counted if count]
    if parts:
        fitted(figure, _LEFT, 0.42, listed(parts), _PIXELS, 0.75, fontsize=12.5, color=ink.quiet)
    top = facts.top[:4]
    if not top:
        return
    words(figure, _LEFT, 0.335, "What helped most", fontsize=13, color=ink.text)
    for i, keep in enumerate(top):
        y = 0.285 - 0.055 * i
        moved = change(facts.direction, keep.gain, facts.places)
        fitted(figure, _LEFT, y, moved, 100, fontsize=11.5, color=ink.keep)
        fitted(
            figure, _LEFT + 0.09, y, keep.point.text, _PIXELS - 108, fontsize=11.5, color=ink.quiet
        )
