"""Everything that was measured, the best first."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean

import msgspec

from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.words import Origin, Verdict
from engine.core.worth import Noise, noise_of


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One commit on the leaderboard, by the first experiment that had it."""

    rank: int
    number: int
    value: float
    """The mean of its fresh runs; of its only run where there is no other."""
    runs: int
    """How often it was measured."""
    gain: float | None
    """Against the baseline, in metric units, positive is better; None without a baseline."""
    sigmas: float | None
    """The gain in σ; None where σ is not known."""


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """All places, and the noise they are to be held against."""

    places: tuple[Place, ...] = ()
    noise: Noise | None = None
    unplaced: int = 0
    """Experiments that ended without a value that is believed: crashes, doubts."""


def leaderboard(session: Session) -> Leaderboard:
    """Places by value. A run that only measured a commit again has no place of its own."""
    direction = session.direction
    measured: dict[str, list[float]] = defaultdict(list)
    first: dict[str, int] = {}
    unplaced = 0
    for e in session.experiments:
        value = _believed(e)
        if value is None:
            unplaced += e.standing is not None
            continue
        # Of a table a commit need not be known; then a row is its own.
        key = e.commit or f"#{e.number}"
        measured[key].append(value)
        if key not in first or e.origin is not Origin.CONFIRM:
            first.setdefault(key, e.number)
    # The first run was chosen for its luck, the later ones were not.
    values = {key: fmean(v[1:]) if len(v) > 1 else v[0] for key, v in measured.items()}
    noise = noise_of(session)
    baseline = session.baseline
    base = values.get(baseline.commit or "#1") if baseline is not None else None
    order = sorted(values, key=lambda key: (-direction.gain(values[key], 0.0), first[key]))
    places = []
    for rank, key in enumerate(order, start=1):
        gain = direction.gain(values[key], base) if base is not None else None
        sigmas = gain / noise.sigma if gain is not None and noise and noise.sigma else None
        places.append(
            Place(
                rank=rank,
                number=first[key],
                value=values[key],
                runs=len(measured[key]),
                gain=gain,
                sigmas=sigmas,
            )
        )
    return Leaderboard(places=tuple(places), noise=noise, unplaced=unplaced)


def _believed(e: Experiment) -> float | None:
    """Its value, where it is one: no crash, nothing doubted, a number."""
    if e.measurement is None or e.doubts or e.standing is Verdict.CRASH:
        return None
    if e.standing is None and not e.row_status:
        return None
    return e.measurement.metric if math.isfinite(e.measurement.metric) else None
