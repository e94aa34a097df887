"""Draws the chart of all experiments as SVG: for the HTML page, or as a file of its own."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files

from engine.report.figures import change, number
from engine.report.model import ReportFacts
from engine.report.palette import LIGHT
from engine.report.plot import (
    Frame,
    Mark,
    Plot,
    Shape,
    labels_of,
    plot_of,
    staircases,
    tick_text,
    width_of,
)
from engine.report.sections import headline, lead

_WIDTH, _HEIGHT = 1200.0, 500.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 130.0, 14.0, 64.0
_INSET = 16.0
_TYPE = 11.0
_DEGREES = 32.0
_MOST_TITLES = 3000
"""Number of marks up to which they have tooltips; beyond, only the page's table has texts."""
_HEADER, _FOOTER = 84.0, 26.0
"""Height above the picture (for its titles) and below it, in a file of its own."""
_FONTS = "DejaVu Sans, Noto Sans, Helvetica, Arial, sans-serif"
_CLASSES: dict[Shape, str] = {
    Shape.KEEP: "keep",
    Shape.DISCARD: "discard",
    Shape.CRASH: "crash",
    Shape.OTHER: "other",
    Shape.AGAIN: "again",
}


class _Canvas:
    """Converts experiment numbers and metric values of a plot to coordinates of the picture."""

    def __init__(self, plot: Plot) -> None:
        self.plot = plot
        self.width = _WIDTH - _LEFT - _RIGHT
        self.height = _HEIGHT - _TOP - _BOTTOM

    def x(self, number: float) -> float:
        share = (number - self.plot.first) / max(1, self.plot.last - self.plot.first)
        return _LEFT + _INSET + share * (self.width - 2 * _INSET)

    def y(self, value: float) -> float:
        return _TOP + (1 - self.plot.axis.share(value)) * self.height


def chart_svg(facts: ReportFacts) -> str:
    """Return the chart of all experiments as an `<svg>` element for a page with `chart_style`."""
    return "\n".join(
        (
            f'<svg class="chart" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
            f'aria-label="{escape(_description(facts))}">',
            *_picture(facts),
            "</svg>",
        )
    )


def chart_file(facts: ReportFacts) -> str:
    """Return the chart of all experiments as an SVG file with its own style, title and summary."""
    height = _HEADER + _HEIGHT + _FOOTER
    right = _WIDTH - 26
    better = facts.direction.better
    texts = (
        (_LEFT, 36.0, 22.0, "name", headline(facts), 860.0),
        (_LEFT, 62.0, 13.0, "tick", lead(facts), 860.0),
        (right, 34.0, 13.0, "name end", facts.name, 240.0),
        (right, 60.0, 12.0, "tick end", f"{facts.metric}, {better} is better", 240.0),
        (right, height - 12, 10.0, "tick end", "autoresearch-tui", 240.0),
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{_WIDTH:.0f}" '
            f'height="{height:.0f}" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" '
            f'aria-label="{escape(_description(facts))}">',
            f"<style>{_file_style()}</style>",
            f'<rect width="100%" height="100%" fill="{LIGHT.paper}"/>',
            *(
                f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" style="font-size: {size:.0f}px">'
                f"{escape(_shortened(text, size, width))}</text>"
                for x, y, size, kind, text, width in texts
            ),
            f'<g transform="translate(0 {_HEADER:.0f})">',
            *_picture(facts),
            "</g>",
            "</svg>\n",
        )
    )


def chart_style() -> str:
    """Return the CSS rules of the progress picture, with colours as CSS variables."""
    return files("engine.report").joinpath("chart.css").read_text("utf-8")


def _file_style() -> str:
    """Return the CSS rules with literal colours: some viewers of SVG lack CSS variables."""
    colours = LIGHT._asdict()
    rules = re.sub(r"var\(--(\w+)\)", lambda match: colours[match[1]], chart_style())
    return (
        f".chart {{ font-family: {_FONTS}; }}\n{rules}"
        f".chart .name {{ fill: {LIGHT.text}; font-weight: 600; }}\n"
        ".chart .end { text-anchor: end; }\n"
    )


def _shortened(text: str, size: float, width: float) -> str:
    """Return a text cut to a width in pixels, estimated from the mean width of a letter.

    Args:
        text: The text.
        size: The font size in pixels.
        width: The width in pixels.
    """
    most = int(width / width_of(1, size))
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _description(facts: ReportFacts) -> str:
    return f"{facts.metric} by experiment, with the best so far as a line"


def _picture(facts: ReportFacts) -> list[str]:
    plot = plot_of(facts, headroom=0.14)
    canvas = _Canvas(plot)
    return [
        *_axes(canvas),
        *_steps(canvas),
        *(_mark(canvas, mark, facts, len(plot.marks) <= _MOST_TITLES) for mark in plot.marks),
        *_labels(canvas),
        *_legend(plot),
    ]


def _axes(canvas: _Canvas) -> list[str]:
    axis, plot = canvas.plot.axis, canvas.plot
    right = _WIDTH - _RIGHT
    parts = []
    for tick in axis.ticks:
        y = canvas.y(tick)
        parts.append(f'<path class="grid" d="M{_LEFT:.1f} {y:.1f}H{right:.1f}"/>')
        text = escape(tick_text(axis, tick))
        parts.append(
            f'<text class="tick" x="{_LEFT - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}'
            "</text>"
        )
    below = _HEIGHT - _BOTTOM + 18
    for count, text in plot.ticks:
        parts.append(
            f'<text class="tick" x="{canvas.x(count):.1f}" y="{below:.1f}" text-anchor="middle">'
            f"{escape(text)}</text>"
        )
    if plot.border is not None:
        x = canvas.x(plot.border)
        parts.append(f'<path class="border" d="M{x:.1f} {_TOP:.1f}V{_HEIGHT - _BOTTOM:.1f}"/>')
        y = _TOP + 12 if plot.lower else _HEIGHT - _BOTTOM - 6
        parts.append(
            f'<text class="tick" x="{x - 6:.1f}" y="{y:.1f}" text-anchor="end">adopted rows</text>'
        )
    return parts


def _steps(canvas: _Canvas) -> list[str]:
    parts = []
    band, axis = canvas.plot.band, canvas.plot.axis
    for corners in staircases(canvas.plot):
        if band:
            upper = [(x, axis.inside(y + band)) for x, y in corners]
            lower = [(x, axis.inside(y - band)) for x, y in reversed(corners)]
            parts.append(f'<path class="band" d="{_path(canvas, [*upper, *lower])}Z"/>')
        parts.append(f'<path class="best" d="{_path(canvas, corners)}"/>')
    return parts


def _path(canvas: _Canvas, corners: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{canvas.x(x):.1f} {canvas.y(y):.1f}" for x, y in corners)


def _mark(canvas: _Canvas, mark: Mark, facts: ReportFacts, titled: bool) -> str:
    x, y = canvas.x(mark.x), canvas.y(mark.y)
    shape = _outline(mark.shape, mark.beyond, x, y)
    kind = "beyond" if mark.beyond else _CLASSES[mark.shape]
    if not titled:
        return f'<path class="{kind} {_CLASSES[mark.shape]}" d="{shape}"/>'
    point = mark.point
    value = number(point.value, facts.places) if point.value is not None else "no value"
    gain = f" ({change(facts.direction, point.gain, facts.places)})" if point.gain else ""
    title = f"{point.name} {mark.shape.value}: {value}{gain}\n{point.text}"
    return (
        f'<path class="{kind} {_CLASSES[mark.shape]}" d="{shape}">'
        f"<title>{escape(title)}</title></path>"
    )


def _outline(shape: Shape, beyond: int, x: float, y: float) -> str:
    if beyond:
        tip = -5 * beyond
        return f"M{x:.1f} {y + tip:.1f}l4.5 {-1.6 * tip:.1f}h-9Z"
    match shape:
        case Shape.KEEP:
            return f"M{x - 5.5:.1f} {y:.1f}a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0Z"
        case Shape.DISCARD:
            return f"M{x:.1f} {y - 4.6:.1f}l3.2 4.6l-3.2 4.6l-3.2 -4.6Z"
        case Shape.CRASH:
            return f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
        case Shape.OTHER:
            return f"M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7Z"
        case Shape.AGAIN:
            return f"M{x:.1f} {y - 6:.1f}l2 4l4.5 2l-4.5 2l-2 4l-2 -4l-4.5 -2l4.5 -2Z"


def _labels(canvas: _Canvas) -> list[str]:
    plot = canvas.plot
    frame = Frame(canvas.width, canvas.height, _TYPE, _DEGREES, margin=_RIGHT - 6, inset=_INSET)
    turn = -_DEGREES if plot.lower else _DEGREES
    parts = []
    for label in labels_of(plot, frame):
        x = canvas.x(label.x) + 8
        y = canvas.y(label.y) + (-5 if plot.lower else 12)
        parts.append(
            f'<text class="label" x="{x:.1f}" y="{y:.1f}" '
            f'transform="rotate({turn:.0f} {x:.1f} {y:.1f})">{escape(label.text)}</text>'
        )
    return parts


def _legend(plot: Plot) -> list[str]:
    parts = []
    x, y = _LEFT + _INSET, _HEIGHT - 16
    for shape in Shape:
        count = plot.counted(shape)
        if count:
            parts.append(f'<path class="{_CLASSES[shape]}" d="{_outline(shape, 0, x, y - 4)}"/>')
            text = f"{shape.value} ({count})"
            parts.append(f'<text class="tick" x="{x + 12:.1f}" y="{y:.1f}">{text}</text>')
            x += 40 + 6.6 * len(text)
    if plot.steps:
        parts.append(f'<path class="best" d="M{x - 4:.1f} {y - 4:.1f}h26"/>')
        parts.append(f'<text class="tick" x="{x + 30:.1f}" y="{y:.1f}">best so far</text>')
        x += 130
    if plot.band:
        parts.append(f'<path class="band" d="M{x - 4:.1f} {y - 11:.1f}h26v14h-26Z"/>')
        parts.append(f'<text class="tick" x="{x + 30:.1f}" y="{y:.1f}">±2σ, noise of a run</text>')
        x += 180
    if plot.every > 1:
        text = f"1 of {plot.every} is drawn"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{y:.1f}">{text}</text>')
        x += 140
    far = sum(1 for mark in plot.marks if mark.beyond)
    if far:
        parts.append(f'<path class="beyond" d="{_outline(Shape.DISCARD, 1, x, y - 4)}"/>')
        parts.append(
            f'<text class="tick" x="{x + 12:.1f}" y="{y:.1f}">beyond the axis ({far})</text>'
        )
        x += 170
    if plot.left_out:
        parts.append(f'<text class="tick" x="{x:.1f}" y="{y:.1f}">{plot.left_out}</text>')
    return parts
