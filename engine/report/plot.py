"""What a picture of a session shows, and where; drawn by svg.py, chart.py and card.py."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from engine.core.analysis.noise import CLEAR_SIGMAS
from engine.core.enums import Direction
from engine.core.table.model import RowVerdict
from engine.report.axis import ChartAxis, number_ticks, robust_axis
from engine.report.figures import number
from engine.report.model import Point, ReportFacts

_MOST_MARKS = 20_000
"""More no picture can show, and no browser wants."""


class Shape(StrEnum):
    """What a mark stands for; each has a shape of its own, not only a colour."""

    KEEP = "kept"
    DISCARD = "discarded"
    CRASH = "crashed"
    OTHER = "no verdict"
    AGAIN = "measured again"


class Mark(NamedTuple):
    """One experiment in the picture."""

    x: float
    y: float
    shape: Shape
    beyond: int
    """1: its value lies above the picture, -1: below; it is drawn at the edge."""
    point: Point


class Plot(NamedTuple):
    """All of a picture but its size and its colours."""

    axis: ChartAxis
    first: int
    last: int
    marks: tuple[Mark, ...]
    steps: tuple[tuple[float, float], ...]
    """The best so far from each number on; the last goes on to the end."""
    band: float
    """Half the height of the noise band around the steps; 0: not known."""
    lower: bool
    """Whether lower is better."""
    ticks: tuple[tuple[int, str], ...]
    """Numbers below the picture, and their words."""
    counts: Mapping[Shape, int]
    """How many have each shape, those left out counted."""
    border: float | None = None
    """What lies to the left of it was taken over."""
    every: int = 1
    """Of marks that are no new best only one of so many is drawn."""

    def counted(self, shape: Shape) -> int:
        """How many experiments have that shape."""
        return self.counts.get(shape, 0)


def shape_of(point: Point) -> Shape:
    """How an experiment is drawn."""
    if point.again:
        return Shape.AGAIN
    return {
        RowVerdict.KEEP: Shape.KEEP,
        RowVerdict.DISCARD: Shape.DISCARD,
        RowVerdict.CRASH: Shape.CRASH,
        RowVerdict.OTHER: Shape.OTHER,
    }[point.verdict]


def plot_of(facts: ReportFacts, headroom: float = 0.06) -> Plot:
    """What the picture of a session shows.

    Args:
        facts: Of the session or table.
        headroom: Empty room beside the worst values, for labels, as a share of the range.
    """
    lower = facts.direction is Direction.MIN
    old = facts.adopted.points if facts.adopted is not None else ()
    # Where a session begins, the best is what it measured itself.
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
    # What was kept is painted last, over the rest.
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
        marks=tuple(marks),
        steps=tuple(steps),
        band=CLEAR_SIGMAS * facts.noise.sigma if facts.noise is not None else 0.0,
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
    room = (len(old) + len(own)) / 12
    found = number_ticks(own[0], own[-1], max(2, round(8 * len(own) / len(points)))) if own else ()
    ticks += [(n, number(n, 0)) for n in found if not old or n - ticks[0][0] > room]
    return tuple(ticks)


def staircases(plot: Plot) -> list[list[tuple[float, float]]]:
    """The corners of the best-so-far line, within the picture; where a session took rows over, of
    theirs and of its own, for its own begins with what it measured itself.
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
    """The words at a line of the axis."""
    return f"{tick:g}" if axis.log and tick < 1 else number(tick, 0 if axis.log else axis.places)


class Label(NamedTuple):
    """Words at a mark."""

    x: float
    y: float
    text: str


class Frame(NamedTuple):
    """The picture's inner size and its type, in the same unit."""

    width: float
    height: float
    type_size: float
    degrees: float
    """How steeply labels rise (or, where higher is better, fall) to the right."""
    margin: float = 0.0
    """Room at the right that labels may use."""
    inset: float = 0.0
    """From the edge to the first and to the last number."""


_LETTER = 0.56
"""The mean width of a letter in ems."""
_GAP = 1.1
_SHORTEST = 14


def labels_of(plot: Plot, frame: Frame, most: int = 30, characters: int = 46) -> list[Label]:
    """Words for as many keeps as have room, those that gained most before the others.

    Labels leave their mark to the right, away from the best-so-far line, and never cross each
    other.
    """
    new_bests = {x for x, _ in plot.steps}
    kept = [m for m in plot.marks if m.x in new_bests and not m.beyond and m.point.text]
    best = plot.steps[-1][0] if plot.steps else 0
    kept.sort(key=lambda m: -math.inf if m.x == best or m.point.gain is None else -m.point.gain)
    angle = math.radians(frame.degrees)
    along, across = math.cos(angle), math.sin(angle)
    span = max(1, plot.last - plot.first)
    taken: list[tuple[float, float, float]] = []
    found: list[Label] = []
    for mark in kept:
        if len(found) == most:
            break
        inner = frame.width - 2 * frame.inset
        px = frame.inset + inner * (mark.x - plot.first) / span
        share = plot.axis.share(mark.y)
        # Measured from the better edge, whichever that is, labels always rise.
        py = frame.height * (share if plot.lower else 1 - share)
        room = min(
            (frame.width + frame.margin - px) / along, (frame.height - py) / max(across, 1e-6)
        )
        fits = int((room - 2 * _GAP * frame.type_size) / (_LETTER * frame.type_size))
        text = mark.point.text
        limit = min(characters, fits)
        if len(text) > limit:
            if limit < _SHORTEST:
                continue
            text = f"{text[: limit - 1].rstrip()}…"
        begin = px * along + py * across
        line = py * along - px * across
        end = begin + (len(text) * _LETTER + _GAP) * frame.type_size
        free = all(
            abs(line - other) > 1.25 * frame.type_size or end < start or begin > stop
            for other, start, stop in taken
        )
        if free:
            taken.append((line, begin, end))
            found.append(Label(mark.x, mark.y, text))
    return found
