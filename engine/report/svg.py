"""The picture of the page: plain SVG written here, coloured by the page's own style."""

from __future__ import annotations

from html import escape

from engine.report.figures import change, number
from engine.report.model import ReportFacts
from engine.report.plot import (
    Frame,
    Mark,
    Plot,
    Shape,
    labels_of,
    plot_of,
    staircases,
    tick_text,
)

_WIDTH, _HEIGHT = 1200.0, 500.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 130.0, 14.0, 64.0
_INSET = 16.0
_TYPE = 11.0
_DEGREES = 32.0
_MOST_TITLES = 3000
"""Of a longer session the marks have no words of their own; the table has them."""


class _Paper:
    """Where things lie on the page."""

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
    """An `<svg>` element; its classes are those of page.css."""
    plot = plot_of(facts, headroom=0.14)
    paper = _Paper(plot)
    told = f"{facts.metric} by experiment: {len(plot.marks)} marks, the best so far as a line"
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(told)}">',
        *_axes(paper),
        *_steps(paper),
        *(_mark(paper, mark, facts, len(plot.marks) <= _MOST_TITLES) for mark in plot.marks),
        *_labels(paper),
        *_legend(plot),
        "</svg>",
    ]
    return "\n".join(parts)


def _axes(paper: _Paper) -> list[str]:
    axis, plot = paper.plot.axis, paper.plot
    right = _WIDTH - _RIGHT
    parts = []
    for tick in axis.ticks:
        y = paper.y(tick)
        parts.append(f'<path class="grid" d="M{_LEFT:.1f} {y:.1f}H{right:.1f}"/>')
        words = escape(tick_text(axis, tick))
        parts.append(
            f'<text class="tick" x="{_LEFT - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{words}'
            "</text>"
        )
    below = _HEIGHT - _BOTTOM + 18
    for count, words in plot.ticks:
        parts.append(
            f'<text class="tick" x="{paper.x(count):.1f}" y="{below:.1f}" text-anchor="middle">'
            f"{escape(words)}</text>"
        )
    if plot.border is not None:
        x = paper.x(plot.border)
        parts.append(f'<path class="border" d="M{x:.1f} {_TOP:.1f}V{_HEIGHT - _BOTTOM:.1f}"/>')
        y = _TOP + 12 if plot.lower else _HEIGHT - _BOTTOM - 6
        parts.append(
            f'<text class="tick" x="{x - 6:.1f}" y="{y:.1f}" text-anchor="end">adopted rows</text>'
        )
    return parts


def _steps(paper: _Paper) -> list[str]:
    parts = []
    band, axis = paper.plot.band, paper.plot.axis
    for corners in staircases(paper.plot):
        if band:
            upper = [(x, axis.inside(y + band)) for x, y in corners]
            lower = [(x, axis.inside(y - band)) for x, y in reversed(corners)]
            parts.append(f'<path class="band" d="{_path(paper, [*upper, *lower])}Z"/>')
        parts.append(f'<path class="best" d="{_path(paper, corners)}"/>')
    return parts


def _path(paper: _Paper, corners: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{paper.x(x):.1f} {paper.y(y):.1f}" for x, y in corners)


def _mark(paper: _Paper, mark: Mark, facts: ReportFacts, titled: bool) -> str:
    x, y = paper.x(mark.x), paper.y(mark.y)
    shape = _outline(mark.shape, mark.beyond, x, y)
    kind = "beyond" if mark.beyond else _CLASSES[mark.shape]
    if not titled:
        return f'<path class="{kind} {_CLASSES[mark.shape]}" d="{shape}"/>'
    point = mark.point
    value = number(point.value, facts.places) if point.value is not None else "no value"
    gain = f" ({change(facts.direction, point.gain, facts.places)})" if point.gain else ""
    words = f"{point.name} {mark.shape.value}: {value}{gain}\n{point.text}"
    return (
        f'<path class="{kind} {_CLASSES[mark.shape]}" d="{shape}">'
        f"<title>{escape(words)}</title></path>"
    )


_CLASSES: dict[Shape, str] = {
    Shape.KEEP: "keep",
    Shape.DISCARD: "discard",
    Shape.CRASH: "crash",
    Shape.OTHER: "other",
    Shape.AGAIN: "again",
}


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


def _labels(paper: _Paper) -> list[str]:
    plot = paper.plot
    frame = Frame(paper.width, paper.height, _TYPE, _DEGREES, margin=_RIGHT - 6, inset=_INSET)
    turn = -_DEGREES if plot.lower else _DEGREES
    parts = []
    for label in labels_of(plot, frame):
        x = paper.x(label.x) + 8
        y = paper.y(label.y) + (-5 if plot.lower else 12)
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
            words = f"{shape.value} ({count})"
            parts.append(f'<text class="tick" x="{x + 12:.1f}" y="{y:.1f}">{words}</text>')
            x += 40 + 6.6 * len(words)
    if plot.steps:
        parts.append(f'<path class="best" d="M{x - 4:.1f} {y - 4:.1f}h26"/>')
        parts.append(f'<text class="tick" x="{x + 30:.1f}" y="{y:.1f}">best so far</text>')
        x += 130
    if plot.band:
        parts.append(f'<path class="band" d="M{x - 4:.1f} {y - 11:.1f}h26v14h-26Z"/>')
        parts.append(f'<text class="tick" x="{x + 30:.1f}" y="{y:.1f}">±2σ, noise of a run</text>')
        x += 180
    if plot.every > 1:
        words = f"one of {plot.every} is drawn"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{y:.1f}">{words}</text>')
        x += 140
    far = sum(1 for mark in plot.marks if mark.beyond)
    if far:
        parts.append(f'<path class="beyond" d="{_outline(Shape.DISCARD, 1, x, y - 4)}"/>')
        parts.append(
            f'<text class="tick" x="{x + 12:.1f}" y="{y:.1f}">outside the picture ({far})</text>'
        )
    return parts
