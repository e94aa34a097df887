"""Draws the share card: a picture of 1200 × 675 pixels with the result, to post online."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.core.enums import Direction
from engine.core.text import duration
from engine.report.chart import draw_plot
from engine.report.drawing import (
    draw_fitted_text,
    draw_text,
    matplotlib_defaults,
    new_figure,
    png_bytes,
)
from engine.report.figures import change, listed, number, percent
from engine.report.model import ReportFacts
from engine.report.palette import DARK
from engine.report.plot import plot_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 1200, 675
_DPI = 100
_LEFT = 0.045
_PIXELS = 390.0
"""Width in pixels of the text to the left of the plot."""


def card_png(facts: ReportFacts) -> bytes:
    """Return the share card of a session or table as PNG.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with matplotlib_defaults():
        return png_bytes(_figure(facts), _DPI)


def _figure(facts: ReportFacts) -> Figure:
    palette = DARK
    figure = new_figure((_WIDTH / _DPI, _HEIGHT / _DPI), _DPI, palette)
    _summary(figure, facts)
    axes = figure.add_axes((0.47, 0.13, 0.495, 0.70))
    plot = plot_of(facts)
    draw_plot(axes, plot, palette, scale=1.05)
    what = "experiment" if facts.of_session else "row"
    better = "lower" if plot.lower else "higher"
    draw_fitted_text(
        figure,
        0.965,
        0.885,
        f"{facts.metric} by {what}, {better} is better",
        560,
        fontsize=12,
        color=palette.quiet,
        ha="right",
    )
    draw_text(
        figure, 0.965, 0.035, "autoresearch-tui", fontsize=11, color=palette.quiet, ha="right"
    )
    return figure


def _summary(figure: Figure, facts: ReportFacts) -> None:
    palette, sign = DARK, -1 if facts.direction is Direction.MIN else 1
    draw = partial(draw_fitted_text, figure, _LEFT)
    draw(0.885, facts.name, _PIXELS, 0.75, fontsize=13, color=palette.quiet)
    value = facts.best.value if facts.best is not None else None
    big = number(value, facts.places) if value is not None else "no value"
    draw(0.745, big, _PIXELS, 0.6, fontsize=48, color=palette.text, weight="bold")
    what = f"best {facts.metric}" if value is not None else "was measured"
    draw(0.69, what, _PIXELS, 0.75, fontsize=15, color=palette.quiet)
    if facts.gain:
        moved = change(facts.direction, facts.gain, facts.places)
        if facts.percent is not None:
            moved = f"{percent(sign * facts.percent)}   {moved}"
        draw(0.60, moved, _PIXELS, 0.6, fontsize=22, color=palette.keep, weight="bold")
        old = number(facts.before, facts.places)
        claim = facts.claim
        if claim is None or claim.error is None:
            bar = "noise unknown"
        else:
            bar = claim.note or f"error bar ± {number(claim.error, facts.claim_digits)}"
        draw(0.555, f"from {old}; {bar}", _PIXELS, fontsize=12.5, color=palette.quiet)
    c = facts.counts
    what = "experiments" if facts.of_session else "rows"
    took = f" in {duration(facts.hours.total)}" if facts.hours is not None else ""
    draw(0.462, f"{number(c.total, 0)} {what}{took}", _PIXELS, fontsize=14, color=palette.text)
    counted = ((c.keep, "kept"), (c.discard, "discarded"), (c.crash, "crashed"), (c.other, "other"))
    parts = [f"{count} {word}" for count, word in counted if count]
    if parts:
        draw(0.42, listed(parts), _PIXELS, 0.75, fontsize=12.5, color=palette.quiet)
    top = facts.top[:4]
    if not top:
        return
    draw(0.335, "What helped most", _PIXELS, fontsize=13, color=palette.text)
    for i, keep in enumerate(top):
        y = 0.285 - 0.055 * i
        moved = change(facts.direction, keep.gain, facts.places)
        draw(y, moved, 100, fontsize=11.5, color=palette.keep)
        x, width = _LEFT + 0.09, _PIXELS - 108
        draw_fitted_text(figure, x, y, keep.point.text, width, fontsize=11.5, color=palette.quiet)
