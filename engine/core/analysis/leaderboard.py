"""Ranks a session's commits by their measured metric, best first: the leaderboard."""

from __future__ import annotations

import math

import msgspec

from engine.core.analysis.noise import Estimate, estimate_of, in_sigmas, noise_of
from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import Spread
from engine.core.table.roles import never_zero


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one commit on the leaderboard."""

    rank: int
    number: int
    """Number of the first experiment with this commit."""
    value: float
    """The mean of the commit's fresh runs, else of those it was judged by."""
    runs: int
    """Number of the runs that `value` is the mean of."""
    gain: float | None
    """Gain over the baseline, in metric units, positive is better; None without a baseline."""
    sigmas: float | None
    """The gain divided by the upper bound of σ; None where σ is not known."""


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """The ranked commits of a session, and the noise to compare their gains with."""

    places: tuple[Place, ...] = ()
    noise: Spread | None = None
    unplaced: int = 0
    """Number of experiments without a credible value: crashes and doubted reports."""


def leaderboard(session: Session, *, rows: bool = False) -> Leaderboard:
    """Return a session's commits ranked by value, best first; runs of a commit share its place.

    Commits that were measured in an earlier evaluation epoch only have no place.

    Args:
        session: The session.
        rows: Whether the session was read from a table that another program wrote. Many of those
            name the commit each row started from, so each row has its own place and no noise is
            known.
    """
    direction = session.direction
    measured: dict[str, Estimate] = {}
    first: dict[str, int] = {}
    unplaced = 0
    for e in session.experiments:
        if e.measurement is not None and e.epoch != session.epoch:
            continue  # values of another evaluation epoch are not comparable
        value = _row_value(e, session.config.metric) if rows else _credible_value(e)
        if value is None:
            unplaced += e.effective_verdict is not None or bool(e.row_status)
            continue
        key = f"#{e.number}" if rows or not e.commit else e.commit
        found = None if rows else estimate_of(session, e.number)
        measured.setdefault(key, found or Estimate(value=value, runs=1))
        first.setdefault(key, e.of if e.origin is Origin.CONFIRM and e.of else e.number)
    values = {key: estimate.value for key, estimate in measured.items()}
    noise = None if rows else noise_of(session)
    base = _base(session, values, rows=rows)
    order = sorted(values, key=lambda key: (-direction.gain(values[key], 0.0), first[key]))
    places = []
    for rank, key in enumerate(order, start=1):
        gain = direction.gain(values[key], base) if base is not None else None
        places.append(
            Place(
                rank=rank,
                number=first[key],
                value=values[key],
                runs=measured[key].runs,
                gain=gain,
                sigmas=in_sigmas(gain, noise),
            )
        )
    return Leaderboard(places=tuple(places), noise=noise, unplaced=unplaced)


def _base(session: Session, values: dict[str, float], *, rows: bool) -> float | None:
    """Return the value that gains are measured from; None without one.

    It is the baseline's, or that of the first row of a table that became the incumbent.

    Args:
        session: The session.
        values: The value of each place, by commit, or by `#7` for experiment 7.
        rows: Whether the session was read from a table.
    """
    if rows:
        first = next((e for e in session.experiments if e.advanced), None)
        return values.get(f"#{first.number}") if first is not None else None
    baseline = session.baseline
    if baseline is not None and baseline.epoch != session.epoch:
        return session.reference
    return values.get(baseline.commit or "#1") if baseline is not None else None


def _row_value(e: Experiment, metric: str) -> float | None:
    """Return the value of a table's row; None for a crash, or a 0 that stands for no value."""
    value = _credible_value(e)
    if value is None or (
        value == 0 and (e.effective_verdict is not Verdict.KEEP or never_zero(metric))
    ):
        return None
    return None if e.effective_verdict is None and value <= 0 else value


def _credible_value(e: Experiment) -> float | None:
    """Return an experiment's value; None for a crash, a doubted report or a non-finite value."""
    if e.measurement is None or e.doubted or e.effective_verdict is Verdict.CRASH:
        return None
    if e.effective_verdict is None and not e.row_status:
        return None
    value = e.epoch_value
    return value if value is not None and math.isfinite(value) else None
