"""Decides from a session's finished loss curves whether a run is too far behind to recover."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.curves.comparison import FinishedCurve, mean_gap
from engine.core.curves.curve import Track
from engine.core.student import t_quantile

CHECKS = tuple(n / 20 for n in range(4, 17))
"""The shares of the budget at which a run is judged: each twentieth from 20 % to 80 %."""
FEWEST = 8
"""The number of finished curves below which nothing is said."""
_BELIEF = 0.98
_NEWEST = 100
"""At most so many of the newest finished curves count as evidence."""


def checks_reached(share: float | None) -> int:
    """Return how many of the checks a run has reached at a share; 0 where none is known."""
    return 0 if share is None else bisect_right(CHECKS, share)


@dataclass(frozen=True)
class Behind:
    """The finding that a run is further behind than any finished run recovered from."""

    share: float
    gap: float
    """The run's loss less the incumbent's, on average over the fifth of the budget before that."""
    limit: float
    """The largest gap at that share from which a run is believed to recover."""
    curves: int
    """The number of finished curves that this is believed from."""


@dataclass(frozen=True)
class Hindsight:
    """What the rule would have done to the finished runs, each judged by all the others."""

    stopped: tuple[int, ...] = ()
    """The numbers of the experiments that it would have stopped."""
    keeps_lost: tuple[int, ...] = ()
    """The numbers of those among them that were kept."""
    curves: int = 0
    share_saved: float = 0.0
    """The share of the training time of these runs that would have been saved."""


class Evidence:
    """The finished curves of a session, as evidence of the gaps from which a run recovers.

    At each of the shares `CHECKS`, a run is believed to recover from a gap that is not larger than
    the largest one that a finished run made up by its end, a kept run's whole gap included, and not
    larger than the mean of these plus Student's t (98 %, one-sided) times their spread: with few
    curves, the largest of them says little.

    Args:
        finished: The finished curves, oldest first; those of baselines and repeats left out.
    """

    def __init__(self, finished: Sequence[FinishedCurve]) -> None:
        self.finished = finished[-_NEWEST:]
        self._gaps = [
            [mean_gap(f.track, f.reference, share) for share in CHECKS] for f in self.finished
        ]
        self._recovered = [
            _recovered(finished, gaps)
            for finished, gaps in zip(self.finished, self._gaps, strict=True)
        ]

    def judge(self, track: Track, reference: Track) -> Behind | None:
        """Return how far behind a run is, at the newest check it has reached.

        Args:
            track: The curve of the run so far.
            reference: The curve of the incumbent.

        Returns:
            The finding; None where the run may recover, or too few curves have finished.
        """
        place = checks_reached(track.end) - 1
        gap = mean_gap(track, reference, CHECKS[place]) if place >= 0 else None
        return None if gap is None else self._judge(place, gap, None)

    def _judge(self, place: int, gap: float, without: int | None) -> Behind | None:
        values = [
            value
            for index, row in enumerate(self._recovered)
            if index != without and (value := row[place]) is not None
        ]
        if len(values) < FEWEST or gap <= 0:
            return None
        count, mean = len(values), math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
        spread = math.sqrt(variance * (1 + 1 / count))
        limit = max(*values, mean + t_quantile(_BELIEF, count - 1) * spread)
        return Behind(CHECKS[place], gap, limit, len(values)) if gap > limit else None

    def hindsight(self) -> Hindsight:
        """Judge each finished run by the evidence of all the others."""
        stopped: list[int] = []
        lost: list[int] = []
        saved = 0.0
        for index, finished in enumerate(self.finished):
            for place, gap in enumerate(self._gaps[index]):
                if gap is not None and self._judge(place, gap, index) is not None:
                    stopped.append(finished.number)
                    saved += 1 - CHECKS[place]
                    if finished.kept:
                        lost.append(finished.number)
                    break
        count = len(self.finished)
        return Hindsight(tuple(stopped), tuple(lost), count, saved / count if count else 0.0)


def _recovered(finished: FinishedCurve, gaps: Sequence[float | None]) -> list[float | None]:
    """Return the gaps, at each check, from which a finished run recovered by its end."""
    end = min(finished.track.end, finished.reference.end)
    final = mean_gap(finished.track, finished.reference, end)
    if final is None:
        return [None for _ in gaps]
    if finished.kept:
        final = min(final, 0.0)
    return [None if gap is None else gap - final for gap in gaps]
