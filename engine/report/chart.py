"""Draws the progress picture as PNG: experiments by verdict, best so far as a line, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.report.drawing import (
    draw_fitted_text,
    draw_text,
    matplotlib_defaults,
    new_figure,
    png_bytes,
)
from engine.report.model import ReportFacts
from engine.report.palette import LIGHT, Palette
from engine.report.plot import Frame, Plot, Shape, labels_of, plot_of, staircases, tick_text
from engine.report.sections import headline, lead

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (14.0, 7.6)
_DPI = 150
_BOX = (0.072, 0.115, 0.81, 0.735)
"""Left, bottom, width and height of the axes, as shares of the figure; labels go right of it."""
_INSET = 0.018
"""Distance from each side of the axes to the first or last mark, as a share of the range."""
_LABEL_POINTS = 8.0
_DEGREES = 32.0
_MARKERS: dict[Shape, str] = {
    Shape.KEEP: "o",
    Shape.DISCARD: "d",
    Shape.CRASH: "X",
    Shape.OTHER: "s",
    Shape.AGAIN: "*",
}
_SIZES: dict[Shape, float] = {
    Shape.KEEP: 62.0,
    Shape.DISCARD: 24.0,
    Shape.CRASH: 34.0,
    Shape.OTHER: 24.0,
    Shape.AGAIN: 60.0,
}


def chart_png(facts: ReportFacts) -> bytes:
    """Return a chart of all experiments' values with the best so far, the progress picture, as PNG.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with matplotlib_defaults():
        return png_bytes(_figure(facts), _DPI)


def _figure(facts: ReportFacts) -> Figure:
    palette = LIGHT
    figure = new_figure(_INCHES, 100, palette)
    axes = figure.add_axes(_BOX)
    plot = plot_of(facts, headroom=0.14)
    draw_plot(axes, plot, palette)
    _labels(axes, plot, palette)
    _titles(figure, plot, facts, palette)
    _legend(axes, plot, palette)
    return figure


def draw_plot(axes: Axes, plot: Plot, palette: Palette, scale: float = 1.0) -> None:
    """Draw a plot's marks, best-so-far line, noise band and ticks; no labels, title or legend.

    Args:
        axes: The axes to draw into.
        plot: The contents to draw.
        palette: The colours.
        scale: Size of type and marks, relative to the progress picture.
    """
    axes.set_facecolor(palette.paper)
    if not plot.marks:
        axes.set_axis_off()
        draw_text(
            axes,
            0.5,
            0.5,
            "no value was measured",
            transform=axes.transAxes,
            fontsize=15 * scale,
            color=palette.quiet,
            ha="center",
        )
        return
    inset = _INSET * max(1, plot.last - plot.first)
    axes.set_xlim(plot.first - inset, plot.last + inset)
    if plot.axis.log:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_ylim(plot.axis.low, plot.axis.high)
    axes.set_yticks(plot.axis.ticks, [tick_text(plot.axis, t) for t in plot.axis.ticks])
    axes.set_xticks([x for x, _ in plot.ticks], [text for _, text in plot.ticks])
    axes.tick_params(colors=palette.quiet, labelsize=9.5 * scale, length=0)
    axes.tick_params(axis="x", pad=9)  # crashes are drawn on the edge
    axes.grid(axis="y", color=palette.rule, linewidth=0.9)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(palette.rule)
    for corners in staircases(plot):
        _stairs(axes, corners, plot.band, palette, scale)
    for shape in Shape:
        _marks(axes, plot, shape, palette, scale)
    if plot.border is not None:
        axes.axvline(
            plot.border, color=palette.quiet, linewidth=0.9, linestyle=(0, (4, 4)), zorder=1
        )
        draw_text(
            axes,
            plot.border,
            0.985 if plot.lower else 0.015,
            "adopted rows ",
            transform=axes.get_xaxis_transform(),
            fontsize=9 * scale,
            color=palette.quiet,
            ha="right",
            va="top" if plot.lower else "bottom",
        )


def _stairs(
    axes: Axes, corners: list[tuple[float, float]], band: float, palette: Palette, scale: float
) -> None:
    """Draw one best-so-far line with its noise band.

    Args:
        axes: The axes to draw into.
        corners: Experiment number and value of each corner of the line.
        band: Half the height of the noise band, in metric units; 0: none is drawn.
        palette: The colours.
        scale: Thickness of the line, relative to the progress picture.
    """
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    if band:
        low, high = [y - band for y in ys], [y + band for y in ys]
        axes.fill_between(xs, low, high, color=palette.keep, alpha=0.13, linewidth=0, zorder=1)
    line: dict[str, Any] = {"linewidth": 1.9 * scale, "solid_joinstyle": "miter", "clip_on": False}
    axes.plot(xs, ys, color=palette.line, zorder=3, **line)


def _marks(axes: Axes, plot: Plot, shape: Shape, palette: Palette, scale: float) -> None:
    for beyond in (0, 1, -1):
        marks = [m for m in plot.marks if m.shape is shape and m.beyond == beyond]
        if not marks:
            continue
        marker = _MARKERS[shape] if not beyond else "^" if beyond > 0 else "v"
        hollow = shape in (Shape.DISCARD, Shape.OTHER) and not beyond
        colour = palette.of(shape)
        axes.scatter(
            [m.x for m in marks],
            [m.y for m in marks],
            marker=marker,
            s=_SIZES[shape] * scale * (1.1 if beyond else 1.0),
            facecolors=palette.paper if hollow else colour,
            edgecolors=palette.paper if shape is Shape.KEEP else colour,
            linewidths=0.9 if shape is not Shape.CRASH else 0.4,
            zorder=5 if shape is Shape.KEEP else 4 if shape is Shape.AGAIN else 2,
            clip_on=False,
        )


def _labels(axes: Axes, plot: Plot, palette: Palette) -> None:
    from matplotlib import patheffects

    points = _INCHES[0] * 72
    width, height = points * _BOX[2], _INCHES[1] * 72 * _BOX[3]
    frame = Frame(
        width,
        height,
        _LABEL_POINTS,
        _DEGREES,
        margin=points * (0.985 - _BOX[0] - _BOX[2]),
        inset=width * _INSET / (1 + 2 * _INSET),
    )
    halo = [patheffects.withStroke(linewidth=2.6, foreground=palette.paper, alpha=0.85)]
    for label in labels_of(plot, frame):
        text = draw_text(
            axes,
            label.x,
            label.y,
            label.text,
            fontsize=_LABEL_POINTS,
            color=palette.text,
            rotation=_DEGREES if plot.lower else -_DEGREES,
            rotation_mode="anchor",
            ha="left",
            va="center",
            zorder=1.8,  # above marks, a label's halo would hide them
            path_effects=halo,
        )
        _shift(text, axes, plot)


def _shift(text: Any, axes: Axes, plot: Plot) -> None:
    """Move a label a few points to the right of its mark, and towards worse values."""
    from matplotlib.transforms import ScaledTranslation

    up = 6.0 / 72
    assert axes.figure is not None
    offset = ScaledTranslation(7.0 / 72, up if plot.lower else -up, axes.figure.dpi_scale_trans)
    text.set_transform(axes.transData + offset)


def _titles(figure: Figure, plot: Plot, facts: ReportFacts, palette: Palette) -> None:
    pixels = _INCHES[0] * 100 * 0.74
    draw_fitted_text(
        figure,
        0.072,
        0.94,
        headline(facts),
        pixels,
        0.7,
        fontsize=18,
        color=palette.text,
        weight="bold",
    )
    draw_fitted_text(figure, 0.072, 0.898, lead(facts), pixels, fontsize=11, color=palette.quiet)
    draw_fitted_text(
        figure,
        0.977,
        0.944,
        facts.name,
        _INCHES[0] * 100 * 0.24,
        0.75,
        fontsize=11,
        color=palette.text,
        ha="right",
    )
    better = "lower" if plot.lower else "higher"
    draw_fitted_text(
        figure,
        0.977,
        0.898,
        f"{facts.metric}, {better} is better",
        _INCHES[0] * 100 * 0.24,
        fontsize=10,
        color=palette.quiet,
        ha="right",
    )
    draw_text(
        figure, 0.977, 0.022, "autoresearch-tui", fontsize=8.5, color=palette.quiet, ha="right"
    )


def _legend(axes: Axes, plot: Plot, palette: Palette) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for shape in Shape:
        count = plot.counted(shape)
        if not count:
            continue
        hollow = shape in (Shape.DISCARD, Shape.OTHER)
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=_MARKERS[shape],
                markersize=(_SIZES[shape] ** 0.5) * 0.95,
                markerfacecolor=palette.paper if hollow else palette.of(shape),
                markeredgecolor=palette.of(shape),
                label=f"{shape.value} ({count})",
            )
        )
    if plot.steps:
        handles.append(Line2D([], [], color=palette.line, linewidth=1.9, label="best so far"))
    if plot.band:
        handles.append(Patch(color=palette.keep, alpha=0.13, label="±2σ, noise of a run"))
    if plot.every > 1:
        handles.append(Line2D([], [], linestyle="", label=f"1 of {plot.every} is drawn"))
    if plot.left_out:
        handles.append(Line2D([], [], linestyle="", label=plot.left_out))
    if any(m.beyond for m in plot.marks):
        far = sum(1 for m in plot.marks if m.beyond)
        up = any(m.beyond > 0 for m in plot.marks)
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="^" if up else "v",
                markersize=5.5,
                color=palette.quiet,
                label=f"beyond the axis ({far})",
            )
        )
    if handles:
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.012, -0.055),
            ncols=len(handles),
            fontsize=9.5,
            frameon=False,
            labelcolor=palette.quiet,
            handletextpad=0.5,
            columnspacing=2.2,
        )
