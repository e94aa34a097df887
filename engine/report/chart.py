"""The progress picture: all experiments as marks by verdict, the best so far as steps, labels at
the keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.report.drawing import (
    LIGHT,
    MARKERS,
    ChartColours,
    as_png,
    as_svg,
    colour,
    drawing_room,
    fitted,
)
from engine.report.drawing import words as put
from engine.report.model import ReportFacts
from engine.report.plot import Frame, Plot, Shape, labels_of, plot_of, staircases, tick_text
from engine.report.sections import headline, lead

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (14.0, 7.6)
_DPI = 150
_BOX = (0.072, 0.115, 0.81, 0.735)
"""Left, bottom, width and height of the axes; labels may use the room to the right."""
_ROOM = 0.018
"""From the edge to the first number, as a share of all."""
_LABEL_POINTS = 8.0
_DEGREES = 32.0
_SIZES: dict[Shape, float] = {
    Shape.KEEP: 62.0,
    Shape.DISCARD: 24.0,
    Shape.CRASH: 34.0,
    Shape.OTHER: 24.0,
    Shape.AGAIN: 60.0,
}


def chart_files(facts: ReportFacts, *, png: bool, svg: bool) -> dict[str, bytes]:
    """The picture by the ending of its file's name.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with drawing_room():
        figure = draw_chart(facts)
        made: dict[str, bytes] = {}
        if png:
            made["png"] = as_png(figure, _DPI)
        if svg:
            made["svg"] = as_svg(figure)
        return made


def draw_chart(facts: ReportFacts) -> Figure:
    """The figure, inside a `drawing_room`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ink = LIGHT
    figure = Figure(figsize=_INCHES, dpi=100, facecolor=ink.paper)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(_BOX)
    plot = plot_of(facts, headroom=0.14)
    paint(axes, plot, facts, ink)
    _labels(axes, plot, ink)
    _titles(figure, facts, ink)
    _legend(axes, plot, ink)
    return figure


def paint(
    axes: Axes, plot: Plot, facts: ReportFacts, ink: ChartColours, scale: float = 1.0
) -> None:
    """Marks, steps, band and axes, without any words but those of the axes."""
    axes.set_facecolor(ink.paper)
    if not plot.marks:
        axes.set_axis_off()
        put(
            axes,
            0.5,
            0.5,
            "nothing was measured",
            transform=axes.transAxes,
            fontsize=15 * scale,
            color=ink.quiet,
            ha="center",
        )
        return
    room = _ROOM * max(1, plot.last - plot.first)
    axes.set_xlim(plot.first - room, plot.last + room)
    if plot.axis.log:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_ylim(plot.axis.low, plot.axis.high)
    axes.set_yticks(plot.axis.ticks, [tick_text(plot.axis, t) for t in plot.axis.ticks])
    axes.set_xticks([x for x, _ in plot.ticks], [text for _, text in plot.ticks])
    axes.tick_params(colors=ink.quiet, labelsize=9.5 * scale, length=0)
    axes.tick_params(axis="x", pad=9)  # a crash is drawn on the edge itself
    axes.grid(axis="y", color=ink.grid, linewidth=0.9)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(ink.grid)
    for corners in staircases(plot):
        _stairs(axes, corners, plot.band, ink, scale)
    for shape in Shape:
        _marks(axes, plot, shape, ink, scale)
    if plot.border is not None:
        axes.axvline(plot.border, color=ink.quiet, linewidth=0.9, linestyle=(0, (4, 4)), zorder=1)
        put(
            axes,
            plot.border,
            0.985 if plot.lower else 0.015,
            "adopted rows ",
            transform=axes.get_xaxis_transform(),
            fontsize=9 * scale,
            color=ink.quiet,
            ha="right",
            va="top" if plot.lower else "bottom",
        )


def _stairs(
    axes: Axes, corners: list[tuple[float, float]], band: float, ink: ChartColours, scale: float
) -> None:
    """The best so far, with its noise around it."""
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    if band:
        low, high = [y - band for y in ys], [y + band for y in ys]
        axes.fill_between(xs, low, high, color=ink.keep, alpha=0.13, linewidth=0, zorder=1)
    line: dict[str, Any] = {"linewidth": 1.9 * scale, "solid_joinstyle": "miter", "clip_on": False}
    axes.plot(xs, ys, color=ink.line, zorder=3, **line)


def _marks(axes: Axes, plot: Plot, shape: Shape, ink: ChartColours, scale: float) -> None:
    for beyond in (0, 1, -1):
        those = [m for m in plot.marks if m.shape is shape and m.beyond == beyond]
        if not those:
            continue
        marker = MARKERS[shape] if not beyond else "^" if beyond > 0 else "v"
        hollow = shape in (Shape.DISCARD, Shape.OTHER) and not beyond
        paint = colour(ink, shape)
        axes.scatter(
            [m.x for m in those],
            [m.y for m in those],
            marker=marker,
            s=_SIZES[shape] * scale * (1.1 if beyond else 1.0),
            facecolors=ink.paper if hollow else paint,
            edgecolors=ink.paper if shape is Shape.KEEP else paint,
            linewidths=0.9 if shape is not Shape.CRASH else 0.4,
            zorder=5 if shape is Shape.KEEP else 4 if shape is Shape.AGAIN else 2,
            clip_on=False,
        )


def _labels(axes: Axes, plot: Plot, ink: ChartColours) -> None:
    from matplotlib import patheffects

    whole = _INCHES[0] * 72
    width, height = whole * _BOX[2], _INCHES[1] * 72 * _BOX[3]
    frame = Frame(
        width,
        height,
        _LABEL_POINTS,
        _DEGREES,
        margin=whole * (0.985 - _BOX[0] - _BOX[2]),
        inset=width * _ROOM / (1 + 2 * _ROOM),
    )
    halo = [patheffects.withStroke(linewidth=2.6, foreground=ink.paper, alpha=0.85)]
    for label in labels_of(plot, frame):
        text = put(
            axes,
            label.x,
            label.y,
            label.text,
            fontsize=_LABEL_POINTS,
            color=ink.text,
            rotation=_DEGREES if plot.lower else -_DEGREES,
            rotation_mode="anchor",
            ha="left",
            va="center",
            zorder=1.8,  # a mark below a label's halo could not be seen
            path_effects=halo,
        )
        _shift(text, axes, plot)


def _shift(text: Any, axes: Axes, plot: Plot) -> None:
    """A little away from its mark."""
    from matplotlib.transforms import ScaledTranslation

    up = 6.0 / 72
    assert axes.figure is not None
    moved = ScaledTranslation(7.0 / 72, up if plot.lower else -up, axes.figure.dpi_scale_trans)
    text.set_transform(axes.transData + moved)


def _titles(figure: Figure, facts: ReportFacts, ink: ChartColours) -> None:
    pixels = _INCHES[0] * 100 * 0.74
    fitted(
        figure,
        0.072,
        0.94,
        headline(facts),
        pixels,
        0.7,
        fontsize=18,
        color=ink.text,
        weight="bold",
    )
    fitted(figure, 0.072, 0.898, lead(facts), pixels, fontsize=11, color=ink.quiet)
    fitted(
        figure,
        0.977,
        0.944,
        facts.name,
        _INCHES[0] * 100 * 0.24,
        0.75,
        fontsize=11,
        color=ink.text,
        ha="right",
    )
    better = "lower" if plot_lower(facts) else "higher"
    fitted(
        figure,
        0.977,
        0.898,
        f"{facts.metric}, {better} is better",
        _INCHES[0] * 100 * 0.24,
        fontsize=10,
        color=ink.quiet,
        ha="right",
    )
    put(figure, 0.977, 0.022, "autoresearch-tui", fontsize=8.5, color=ink.quiet, ha="right")


def plot_lower(facts: ReportFacts) -> bool:
    """Whether lower is better."""
    return facts.direction.value == "min"


def _legend(axes: Axes, plot: Plot, ink: ChartColours) -> None:
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
                marker=MARKERS[shape],
                markersize=(_SIZES[shape] ** 0.5) * 0.95,
                markerfacecolor=ink.paper if hollow else colour(ink, shape),
                markeredgecolor=colour(ink, shape),
                label=f"{shape.value} ({count})",
            )
        )
    if plot.steps:
        handles.append(Line2D([], [], color=ink.line, linewidth=1.9, label="best so far"))
    if plot.band:
        handles.append(Patch(color=ink.keep, alpha=0.13, label="±2σ, noise of one run"))
    if plot.every > 1:
        handles.append(Line2D([], [], linestyle="", label=f"one of {plot.every} is drawn"))
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
                color=ink.quiet,
                label=f"outside the picture ({far})",
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
            labelcolor=ink.quiet,
            handletextpad=0.5,
            columnspacing=2.2,
        )
