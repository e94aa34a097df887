"""Defines a run's loss curve, collects it from progress figures, and reads and writes its lines."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

MOST_POINTS = 500
"""The most points that are kept of a curve; a longer one keeps every second, fourth, … point."""
WINDOW = 0.05
"""A loss at a share is the median of the points of the 5 % of the budget before it."""
_RESTART = 0.02
"""A share that falls by more than this is that of an epoch, not of the whole run."""


class CurvePoint(NamedTuple):
    """One point of a loss curve."""

    share: float | None
    """The share of the training budget used so far, from 0 to 1; None where it is unknown."""
    step: int | None
    """The training steps so far, of all epochs; None where the log does not count them."""
    loss: float


class Track:
    """A loss curve over one axis, of positions that never fall.

    Args:
        positions: The position of each point on the axis: a share of the budget, or a step.
        losses: The loss at each point.
    """

    def __init__(self, positions: Sequence[float], losses: Sequence[float]) -> None:
        self.positions = positions
        self.losses = losses

    @property
    def end(self) -> float:
        """The position of the last point."""
        return self.positions[-1]

    def at(self, position: float, width: float = WINDOW) -> float | None:
        """Return the loss at a position: the median of the points just before it.

        Args:
            position: The position; None is returned before the first point and after the last.
            width: The length of the axis before the position whose points count.
        """
        at = self.positions
        if not at or position < at[0] or position > at[-1] + 1e-9:
            return None
        last = bisect_right(at, position + 1e-9)
        first = bisect_left(at, position - width, 0, last)
        if last - first > 1:
            return median(self.losses[first:last])
        if last == len(at) or at[last] == at[last - 1]:
            return self.losses[last - 1]
        part = (position - at[last - 1]) / (at[last] - at[last - 1])
        return self.losses[last - 1] + part * (self.losses[last] - self.losses[last - 1])


class Curve:
    """A run's loss curve.

    Args:
        points: Its points, oldest first.
    """

    def __init__(self, points: Iterable[CurvePoint] = ()) -> None:
        self.points = tuple(points)

    def __len__(self) -> int:
        return len(self.points)

    def by_share(self) -> Track | None:
        """Return the curve over the share of the budget; None where no share is known.

        Points from before the first known share get theirs from their step: the engine that saw
        them is gone, and a run makes its steps at about the same speed.
        """
        known = next((i for i, p in enumerate(self.points) if p.share is not None), None)
        if known is None:
            return None
        first = self.points[known]
        assert first.share is not None
        positions: list[float] = []
        losses: list[float] = []
        for point in self.points[:known]:
            if first.step and point.step is not None:
                positions.append(first.share * min(1.0, point.step / first.step))
                losses.append(point.loss)
        for point in self.points[known:]:
            if point.share is not None:
                positions.append(max(point.share, positions[-1] if positions else 0.0))
                losses.append(point.loss)
        return Track(positions, losses)

    def by_step(self) -> Track | None:
        """Return the curve over the training steps; None where the log does not count them."""
        counted = [(float(p.step), p.loss) for p in self.points if p.step is not None]
        return Track(*map(list, zip(*counted, strict=True))) if counted else None

    def until(self, share: float) -> Curve:
        """Return the curve as it was at a share of the budget."""
        track = self.by_share()
        if track is None:
            return self
        return Curve(self.points[: bisect_right(track.positions, share + 1e-9)])


class CurveBuilder:
    """Collects a run's loss curve from its progress, and thins it evenly as it grows."""

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []
        self.generation = 0
        """Counter that grows when earlier points changed, so that all are to be written again."""
        self.clock_share: float | None = None
        """The share of the budget by the engine's clock, for a log that prints none; None where it
        is unknown.
        """
        self._every = 1
        self._skipped = 0
        self._last: CurvePoint | None = None
        self._raw: tuple[float | None, int | None] = (None, None)
        self._earlier_steps = 0
        self._by_epoch = False
        """True once the log's shares have begun again: they are those of an epoch."""

    def add(self, share: float | None, step: int | None, loss: float | None) -> None:
        """Add a progress line's figures; a line without a finite loss, or the same again, is none.

        Args:
            share: The share of the training budget that the log gives, from 0 to 1; None: none.
            step: The training step that the log gives; None: none.
            loss: The training loss; None: none.
        """
        if loss is None or not math.isfinite(loss) or (share, step) == self._raw:
            return
        before_share, before_step = self._raw
        self._raw = share, step
        if step is not None:
            if before_step is not None and step < before_step:
                self._earlier_steps += before_step
            step += self._earlier_steps
        if share is not None and before_share is not None and share < before_share - _RESTART:
            self._by_epoch = True
            self.points = [p._replace(share=None) for p in self.points]
            self.generation += 1
        if share is None or self._by_epoch:
            share = self.clock_share
        self._last = CurvePoint(share, step, loss)
        self._skipped += 1
        if self._skipped >= self._every or not self.points:
            self._keep(self._last)

    def finish(self) -> None:
        """Add the last point, which may have been thinned out; call it once the log has ended."""
        if self._last is not None and self.points[-1] != self._last:
            self._keep(self._last)

    def _keep(self, point: CurvePoint) -> None:
        self._skipped = 0
        self.points.append(point)
        if len(self.points) > MOST_POINTS:
            self.points = self.points[::2]
            self._every *= 2
            self.generation += 1


def encode(points: Iterable[CurvePoint]) -> bytes:
    """Return points as lines of a curve file: `[share, step, loss]` in JSON, rounded."""
    rounded = (
        (None if p.share is None else round(p.share, 5), p.step, float(f"{p.loss:.7g}"))
        for p in points
    )
    return b"".join(msgspec.json.encode(values) + b"\n" for values in rounded)


def decode(data: bytes) -> Curve:
    """Return the curve of a curve file; a line that is not a point, or is cut off, is left out."""
    *lines, _torn = data.split(b"\n")
    points: list[CurvePoint] = []
    for line in lines:
        try:
            point = _DECODER.decode(line)
        except msgspec.DecodeError:
            continue
        if math.isfinite(point.loss):
            points.append(point)
    return Curve(points)


_DECODER = msgspec.json.Decoder(CurvePoint)
