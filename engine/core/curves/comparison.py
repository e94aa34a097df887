"""Compares a loss curve with the incumbent's at equal share of the budget, and projects its end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from engine.core.curves.curve import WINDOW, Curve, CurvePoint, Track

FEWEST = 5
"""The number of finished curves from which a projection gets a band."""
_COVERED = 0.9
_MEAN_WINDOWS = 4
_SPIKE = 6.0
"""A point further above the median before it than so many typical changes is a spike."""
_SPIKE_POINTS = 9
_STALL_SHARE = 0.05
_STALL = 8.0


@dataclass(frozen=True)
class FinishedCurve:
    """The curve of a run that finished, and the curve that it had to beat."""

    number: int
    """The number of the run's experiment."""
    track: Track
    reference: Track
    """The curve of the incumbent at that time."""
    kept: bool

    @property
    def final_gap(self) -> float:
        """The loss at the end, less the incumbent's at its end."""
        return end_loss(self.track) - end_loss(self.reference)


@dataclass(frozen=True)
class Projection:
    """The loss at which a run is expected to finish."""

    loss: float
    low: float | None
    """The lower bound of the band; None where too few curves have finished to give one."""
    high: float | None
    curves: int
    """The number of finished curves from which the band is made."""


def end_loss(track: Track) -> float:
    """Return the loss at the end of a finished curve."""
    last = track.at(track.end)
    return track.losses[-1] if last is None else last


def gap_at(track: Track, reference: Track, share: float) -> float | None:
    """Return a curve's loss at a share, less that of a reference; None where one has none there."""
    own, other = track.at(share), reference.at(share)
    return None if own is None or other is None else own - other


def mean_gap(track: Track, reference: Track, share: float) -> float | None:
    """Return the mean gap over the fifth of the budget before a share; None where there is none.

    A training loss is noisy: at one share, a gap of a few hundredths may be luck.
    """
    gaps = (gap_at(track, reference, share - n * WINDOW) for n in range(_MEAN_WINDOWS))
    known = [gap for gap in gaps if gap is not None]
    return math.fsum(known) / len(known) if known else None


def made_up(finished: FinishedCurve, share: float) -> float | None:
    """Return how much of a gap at a share a finished run had made up by its end.

    That is its gap there, less the gap at its end; negative where it fell further behind. None
    where its curve, or the incumbent's, has no point before the share.
    """
    gap = gap_at(finished.track, finished.reference, share)
    return None if gap is None else gap - finished.final_gap


def project(track: Track, reference: Track, finished: Iterable[FinishedCurve]) -> Projection | None:
    """Project the loss at the end of a run from its loss now.

    The run is expected to lose as much more as the incumbent did from the same share on. The band
    is as wide as the errors of the same projection, at the same share, for the finished curves: it
    holds nine in ten of them, or all where fewer than nine have finished.

    Args:
        track: The curve of the run so far.
        reference: The curve of the incumbent, which has finished.
        finished: The curves of the session's finished runs.

    Returns:
        The projection; None where the incumbent has no loss at this share.
    """
    gap = gap_at(track, reference, track.end)
    if gap is None:
        return None
    loss = end_loss(reference) + gap
    errors = sorted(abs(e) for f in finished if (e := made_up(f, track.end)) is not None)
    if len(errors) < FEWEST:
        return Projection(loss, None, None, len(errors))
    width = errors[min(len(errors), math.ceil(_COVERED * (len(errors) + 1))) - 1]
    return Projection(loss, loss - width, loss + width, len(errors))


def spikes(points: Sequence[CurvePoint]) -> list[int]:
    """Return the indexes of points whose loss jumps far above the points just before them.

    "Far" is six times the median change between two neighbours there. The first points of a run,
    where the loss falls fast, are none.
    """
    found: list[int] = []
    for index in range(_SPIKE_POINTS, len(points)):
        before = [p.loss for p in points[index - _SPIKE_POINTS : index]]
        usual = median(abs(b - a) for a, b in pairwise(before))
        rise = points[index].loss - max(before[-3:])
        if rise > _SPIKE * max(usual, 1e-9 * abs(before[-1])):
            found.append(index)
    return found


def stalls(curve: Curve) -> list[tuple[float, float]]:
    """Return the stretches of the budget in which a run made no step, as pairs of shares.

    Such a stretch is at least 5 % of the budget, and eight times as long as the usual one.
    """
    track = curve.by_share()
    if track is None or len(track.positions) < 3:
        return []
    pairs = list(pairwise(track.positions))
    usual = median(b - a for a, b in pairs)
    least = max(_STALL_SHARE, _STALL * usual)
    return [(a, b) for a, b in pairs if b - a >= least]
