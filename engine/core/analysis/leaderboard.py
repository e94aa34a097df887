"""Everything that was measured, the best first."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean

import msgspec

from engine.core.analysis.noise import Noise, noise_of
from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.table.roles import never_zero


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


def leaderboard(session: Session, *, rows: bool = False) -> Leaderboard:
    """Places by value. A run that only measured a commit again has no place of its own.

    Args:
        session: As it stands.
        rows: Whether it was read from a table that others wrote. Many of those give each row the
            commit it started from, so there a row is its own and no noise is known.
    """
    direction = session.direction
    measured: dict[str, list[float]] = defaultdict(list)
    first: dict[str, int] = {}
    unplaced = 0
    for e in session.experiments:
        value = _credible(e, session.config.metric) if rows else _believed(e)
        if value is None:
            unplaced += e.effective_verdict is not None or bool(e.row_status)
            continue
        key = f"#{e.number}" if rows or not e.commit else e.commit
        measured[key].append(value)
        first.setdefault(key, e.of if e.origin is Origin.CONFIRM and e.of else e.number)
    # The first run was chosen for its luck, the later ones were not.
    values = {key: fmean(v[1:]) if len(v) > 1 else v[0] for key, v in measured.items()}
    noise = None if rows else noise_of(session)
    base = _base(session, values, rows=rows)
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


def _base(session: Session, values: dict[str, float], *, rows: bool) -> float | None:
    """The baseline's value: of a table, that of the first row that counts."""
    if rows:
        first = next((e for e in session.experiments if e.advanced), None)
        return values.get(f"#{first.number}") if first is not None else None
    baseline = session.baseline
    return values.get(baseline.commit or "#1") if baseline is not None else None


def _credible(e: Experiment, metric: str) -> float | None:
    """The value of a row, where it is one: a placeholder is none, nor what a crash left."""
    value = _believed(e)
    if value is None or (
        value == 0 and (e.effective_verdict is not Verdict.KEEP or never_zero(metric))
    ):
        return None
    return None if e.effective_verdict is None and value <= 0 else value


def _believed(e: Experiment) -> float | None:
    """Its value, where it is one: no crash, nothing doubted, a number."""
    if e.measurement is None or e.doubts or e.effective_verdict is Verdict.CRASH:
        return None
    if e.effective_verdict is None and not e.row_status:
        return None
    return e.measurement.metric if math.isfinite(e.measurement.metric) else None
