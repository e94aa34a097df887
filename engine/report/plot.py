"""Computes the contents of the progress picture, a chart of all experiments' values.

Drawn by svg.py, and with matplotlib by chart.py and card.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from engine.core.enums import Direction
from engine.core.table.model import RowVerdict
from engine.report.axis import ChartAxis, number_ticks, robust_axis
from engine.report.figures import number
from engine.report.model import Point, ReportFacts

_MOST_MARKS = 20_000
"""Number of marks in a picture from which only some are drawn; browsers are slow with more."""


class Shape(StrEnum):
    """The result of an experiment, which decides shape and colour of its mark in the picture."""

    KEEP = "kept"
    DISCARD = "discarded"
    CRASH = "crashed"
    OTHER = "no verdict"
    AGAIN = "measured again"


class Mark(NamedTuple):
    """The mark of one experiment in the picture, at its number (x) and metric value (y)."""

    x: float
    y: float
    shape: Shape
    beyond: int
    """1 if its value is above the axis, -1 if below, else 0; such a mark is drawn at the edge."""
    point: Point


class Plot(NamedTuple):
    """What the chart of all experiments shows (marks, lines, axes), without size and colours."""

    axis: ChartAxis
    first: int
    last: int
    marks: tuple[Mark, ...]
    steps: tuple[tuple[float, float], ...]
    """Experiment number and value of each new best; the last one holds to the end."""
    band: float
    """Half the height of the noise band around the steps; 0 if the noise is unknown."""
    lower: bool
    """True if a lower metric is better."""
    ticks: tuple[tuple[int, str], ...]
    """Experiment numbers to mark on the horizontal axis, with their texts."""
    counts: Mapping[Shape, int]
    """Number of experiments of each shape, including those not drawn."""
    border: float | None = None
    """Horizontal position between adopted rows and the session; None without adopted rows."""
    valueless: int = 0
    """Number of experiments that are not drawn, because they have no value and did not crash."""
    every: int = 1
    """One of this many marks is drawn, besides all new bests; 1: all marks are."""

    @property
    def left_out(self) -> str:
        """Return the text of the legend on experiments that are not drawn; empty if all are."""
        return f"not drawn, no value ({self.valueless})" if self.valueless else ""

    def counted(self, shape: Shape) -> int:
        """Return the number of experiments whose mark has the given shape."""
        return self.counts.get(shape, 0)


def shape_of(point: Point) -> Shape:
    """Return the shape of an experiment's mark, by its verdict."""
    if point.again:
        return Shape.AGAIN
    return {
        RowVerdict.KEEP: Shape.KEEP,
        RowVerdict.DISCARD: Shape.DISCARD,
        RowVerdict.CRASH: Shape.CRASH,
        RowVerdict.OTHER: Shape.OTHER,
    }[point.verdict]


def plot_of(facts: ReportFacts, headroom: float = 0.06) -> Plot:
    """Return what the chart of a session's or table's experiments shows.

    Args:
        facts: The facts of the session or table.
        headroom: Empty space beyond the worst values, for labels, as a share of the range.
    """
    lower = facts.direction is Direction.MIN
    old = facts.adopted.points if facts.adopted is not None else ()
    # The best of the session starts afresh, since adopted values are not comparable.
    steps = [*_new_bests(old), *_new_bests(facts.points)]
    new_bests = {x for x, _ in steps}
    points = (*old, *facts.points)
    measured = [p for p in points if p.value is not None]
    others = [p.value for p in measured if p.number not in new_bests and p.value is not None]
    axis = robust_axis(
        [value for _, value in steps],
        others,
        below=0.06 if lower else headroom,
        above=headroom if lower else 0.06,
    )
    edge = axis.high if lower else axis.low
    marks = []
    for point in points:
        if point.value is None and shape_of(point) is not Shape.CRASH:
            continue
        y = edge if point.value is None else point.value
        beyond = 0 if point.value is None else axis.beyond(y)
        y = axis.inside(y)
        marks.append(Mark(point.number, y, shape_of(point), beyond, point))
    counts = Counter(mark.shape for mark in marks)
    every = -(-len(marks) // _MOST_MARKS)
    if every > 1:
        marks = [m for i, m in enumerate(marks) if not i % every or m.x in new_bests]
    # Keeps are drawn last, over the other marks.
    marks.sort(key=lambda mark: mark.shape is Shape.KEEP)
    numbers = [p.number for p in points] or [1]
    return Plot(
        axis=axis,
        first=min(numbers),
        last=max(numbers),
        ticks=_ticks(points),
        counts=counts,
        every=max(1, every),
        border=0.5 if old else None,
        valueless=len(points) - sum(counts.values()),
        marks=tuple(marks),
        steps=tuple(steps),
        band=2 * facts.noise.upper if facts.noise is not None else 0.0,
        lower=lower,
    )


def _new_bests(points: Sequence[Point]) -> list[tuple[float, float]]:
    steps: list[tuple[float, float]] = []
    for point in points:
        if point.best is not None and (not steps or steps[-1][1] != point.best):
            steps.append((float(point.number), point.best))
    return steps


def _ticks(points: Sequence[Point]) -> tuple[tuple[int, str], ...]:
    own = [p.number for p in points if not p.row]
    old = [p for p in points if p.row]
    ticks = [(old[0].number, old[0].name)] if old else []
    distance = (len(old) + len(own)) / 12
    found = number_ticks(own[0], own[-1], max(2, round(8 * len(own) / len(points)))) if own else ()
    ticks += [(n, number(n, 0)) for n in found if not old or n - ticks[0][0] > distance]
    return tuple(ticks)


def staircases(plot: Plot) -> list[list[tuple[float, float]]]:
    """Return the corners of each best-so-far line: of adopted rows, if any, and of the session.

    A corner is an experiment number and a value, clipped to the axis.
    """
    border = plot.border if plot.border is not None else -math.inf
    stretches = (
        ([step for step in plot.steps if step[0] < border], border),
        ([step for step in plot.steps if step[0] > border], float(plot.last)),
    )
    return [_corners(plot, steps, end) for steps, end in stretches if steps]


def _corners(
    plot: Plot, steps: Sequence[tuple[float, float]], end: float
) -> list[tuple[float, float]]:
    corners: list[tuple[float, float]] = []
    for x, value in steps:
        y = plot.axis.inside(value)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return [*corners, (end, corners[-1][1])]


def tick_text(axis: ChartAxis, tick: float) -> str:
    """Return the text beside a tick of the vertical axis."""
    return f"{tick:g}" if axis.log and tick < 1 else number(tick, 0 if axis.log else axis.places)


class Label(NamedTuple):
    """A text beside the mark at experiment number x and value y."""

    x: float
    y: float
    text: str


class Frame(NamedTuple):
    """The size of a picture's axes and text, all in one unit such as pixels or points."""

    width: float
    height: float
    type_size: float
    degrees: float
    """Angle in degrees at which labels rise to the right; they fall where higher is better."""
    margin: float = 0.0
    """Space to the right of the axes that labels may use."""
    inset: float = 0.0
    """Distance from each edge to the first and the last experiment."""


_LETTER = 0.56
"""Mean width of a letter, as a multiple of the type size."""
_GAP = 1.1
"""Distance between a mark and its label, as a multiple of the type size."""
_SHORTEST = 14
"""Number of characters below which a shortened label is not drawn."""


def width_of(characters: int, type_size: float) -> float:
    """Return the approximate width of a text, in the unit of `type_size`."""
    return characters * _LETTER * type_size


def labels_of(plot: Plot, frame: Frame, most: int = 30, characters: int = 46) -> list[Label]:
    """Return labels for as many keeps as fit, largest gains first.

    Labels extend to the right of their marks, away from the best-so-far line, and do not cross.

    Args:
        plot: The contents of the picture.
        frame: The size of the picture and its text.
        most: Number of labels at most.
        characters: Number of characters of a label at most.
    """
    new_bests = {x for x, _ in plot.steps}
    kept = [m for m in plot.marks if m.x in new_bests and not m.beyond and m.point.text]
    best = plot.steps[-1][0] if plot.steps else 0
    kept.sort(key=lambda m: -math.inf if m.x == best or m.point.gain is None else -m.point.gain)
    angle = math.radians(frame.degrees)
    along, across = math.cos(angle), math.sin(angle)
    span = max(1, plot.last - plot.first)
    occupied: list[tuple[float, float, float]] = []
    found: list[Label] = []
    for mark in kept:
        if len(found) == most:
            break
        inner = frame.width - 2 * frame.inset
        px = frame.inset + inner * (mark.x - plot.first) / span
        share = plot.axis.share(mark.y)
        # Measured from the better edge, labels rise in both directions of the metric.
        py = frame.height * (share if plot.lower else 1 - share)
        available = min(
            (frame.width + frame.margin - px) / along, (frame.height - py) / max(across, 1e-6)
        )
        fits = int((available - 2 * _GAP * frame.type_size) / width_of(1, frame.type_size))
        text = mark.point.text
        limit = min(characters, fits)
        if len(text) > limit:
            if limit < _SHORTEST:
                continue
            text = f"{text[: limit - 1].rstrip()}…"
        begin = px * along + py * across
        line = py * along - px * across
        end = begin + width_of(len(text), frame.type_size) + _GAP * frame.type_size
        free = all(
            abs(line - other) > 1.25 * frame.type_size or end < start or begin > stop
            for other, start, stop in occupied
        )
        if free:
            occupied.append((line, begin, end))
            found.append(Label(mark.x, mark.y, text))
    return found
