"""Noise: how much the metric of unchanged code varies from run to run, and which gains exceed it.

The noise is estimated from repeated runs of the same commit alone. Without any it is unknown, and
no keep is called trustworthy or not by a figure from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import fmean

import msgspec

from engine.core.enums import Verdict
from engine.core.records import Experiment
from engine.core.session import Session

CLEAR_SIGMAS = 2.0
"""A gain of more σ than this is not explained by the luck of a single run."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The spread of the metric between runs of the same code."""

    sigma: float
    """Standard deviation of a single run, in metric units, pooled over the commits."""
    runs: int
    """Runs of commits that were run more than once."""
    commits: int
    """Commits that were run more than once."""


class Trust(StrEnum):
    """The degree of trust in a keep's gain."""

    CLEAR = "clear"
    """The gain is above 2 σ."""
    CONFIRMED = "confirmed"
    """The gain is within 2 σ, but a repeat was better than the incumbent as well."""
    SIMPLER = "simpler"
    """Equal to the incumbent, with fewer lines."""
    PERSON = "your word"
    """Kept by the user, independent of the measured value."""
    UNKNOWN = "single run"
    """Nothing was run twice, so the noise is unknown."""
    WITHIN = "within noise"
    """The gain may be luck, or a repeat did not show it."""

    @property
    def good(self) -> bool:
        """Return whether taking the keep is recommended."""
        return self not in (Trust.UNKNOWN, Trust.WITHIN)


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """The gain of one keep, and how far it can be trusted."""

    number: int
    """The experiment that was kept."""
    value: float | None
    """The mean of its repeats, else the value it was kept for."""
    runs: int
    gain: float | None
    """Against the keep before it, in metric units, positive is better; None for the baseline."""
    sigmas: float | None
    """The gain in σ; None where σ is unknown."""
    trust: Trust


def pooled_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Return the pooled noise of repeated runs; None if nothing was run twice.

    Args:
        groups: The values of each commit's runs.
    """
    squares, runs, commits = 0.0, 0, 0
    for values in groups:
        if len(values) > 1:
            mean = fmean(values)
            # Not `** 2`, which raises where the product is too large for a float.
            squares += sum((v - mean) * (v - mean) for v in values)
            runs += len(values)
            commits += 1
    if not commits:
        return None
    sigma = math.sqrt(squares / (runs - commits))
    return Noise(sigma=sigma, runs=runs, commits=commits) if math.isfinite(sigma) else None


def unbiased_value(values: Sequence[float]) -> float | None:
    """Return the best estimate of repeated runs; None without any.

    The first run was selected for being good, so where there are others it does not count.
    """
    if not values:
        return None
    return fmean(values[1:]) if len(values) > 1 else values[0]


def in_sigmas(gain: float | None, noise: Noise | None) -> float | None:
    """Return a gain in units of σ; None if either is unknown or σ is 0."""
    return gain / noise.sigma if gain is not None and noise is not None and noise.sigma else None


def trust_in(gain: float | None, noise: Noise | None, *, repeated: bool) -> Trust:
    """Return how far a measured gain can be trusted.

    Args:
        gain: The gain in metric units, positive is better.
        noise: The noise of the same code.
        repeated: Whether the gain was measured with a repeat.
    """
    if noise is None or gain is None:
        return Trust.UNKNOWN
    if gain > CLEAR_SIGMAS * noise.sigma:
        return Trust.CLEAR
    return Trust.CONFIRMED if repeated and gain > 0 else Trust.WITHIN


def noise_of(*sessions: Session) -> Noise | None:
    """Return the noise of the metric in sessions; None if no commit was run twice."""
    return pooled_noise(
        values for session in sessions for values in _values_by_commit(session).values()
    )


def values_of(session: Session, number: int) -> tuple[float, ...]:
    """Return the metric of an experiment and of its repeats, in order.

    Crashes and doubted values are left out.
    """
    commit = session.experiment(number).commit
    same = [e for e in session.experiments if e.number == number or (commit and e.commit == commit)]
    return tuple(_values(same))


def worth_of(session: Session, number: int, before: int, noise: Noise | None) -> Worth:
    """Return the worth of a keep against the one before it on the branch.

    Args:
        session: The session.
        number: The experiment that was kept.
        before: The experiment that was the incumbent until then.
        noise: The session's noise, from `noise_of`.
    """
    e = session.experiment(number)
    values, old = values_of(session, number), values_of(session, before)
    value, base = unbiased_value(values), unbiased_value(old)
    gain = e.gain
    if len(values) > 1 or len(old) > 1:
        gain = None if value is None or base is None else session.direction.gain(value, base)
    if value is None and e.measurement is not None:
        value = e.measurement.metric
    return Worth(
        number=number,
        value=value,
        runs=max(1, len(values)),
        gain=gain,
        sigmas=in_sigmas(gain, noise),
        trust=_trust_in_keep(e, gain, noise, repeated=len(values) > 1),
    )


def _trust_in_keep(
    e: Experiment, gain: float | None, noise: Noise | None, *, repeated: bool
) -> Trust:
    if e.overruled is Verdict.KEEP or e.forced is Verdict.KEEP:
        return Trust.PERSON
    if gain == 0 and e.proposal.removed > e.proposal.added:
        return Trust.SIMPLER
    return trust_in(gain, noise, repeated=repeated)


def _values_by_commit(session: Session) -> dict[str, list[float]]:
    groups: dict[str, list[Experiment]] = {}
    for e in session.experiments:
        if e.commit:
            groups.setdefault(e.commit, []).append(e)
    return {commit: list(_values(group)) for commit, group in groups.items()}


def _values(experiments: Iterable[Experiment]) -> Iterable[float]:
    for e in experiments:
        counts = e.verdict is not None and e.verdict is not Verdict.CRASH and not e.doubts
        if counts and e.measurement is not None and math.isfinite(e.measurement.metric):
            yield e.measurement.metric
