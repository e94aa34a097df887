"""Estimates how much the metric of unchanged code varies (σ), and which gains exceed that noise.

The noise is estimated from repeated runs of the same commit alone. Without any it is unknown,
and no typical value from elsewhere takes its place.
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
"""A gain of more σ (standard deviations of a single run) than this is not explained by luck."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The spread of the metric between runs of the same code, and the runs it comes from."""

    sigma: float
    """Standard deviation of a single run, in metric units, pooled over the commits."""
    runs: int
    """Number of runs of the commits that were run more than once."""
    commits: int
    """Number of commits that were run more than once."""


class Trust(StrEnum):
    """How far a keep's gain can be trusted to be real and not noise."""

    CLEAR = "clear"
    """The gain is above 2 σ, σ being the standard deviation of a single run."""
    CONFIRMED = "confirmed"
    """The gain is within 2 σ, but a repeat was better than the incumbent as well."""
    SIMPLER = "simpler"
    """As good as the incumbent before it, with fewer lines."""
    PERSON = "your word"
    """Kept by the user's decision, whatever was measured."""
    UNKNOWN = "single run"
    """Nothing was run twice, so the noise is unknown."""
    WITHIN = "within noise"
    """The gain may be luck, or a repeat did not show it."""

    @property
    def good(self) -> bool:
        """Return whether it is recommended to take over the keep, for example in a merge."""
        return self not in (Trust.UNKNOWN, Trust.WITHIN)


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """The gain of one keep, and how far it can be trusted."""

    number: int
    """Number of the experiment that was kept."""
    value: float | None
    """The mean of its repeats, else the value it was kept for; None without a measurement."""
    runs: int
    gain: float | None
    """Gain over the keep before it, in metric units, positive is better; None if unknown."""
    sigmas: float | None
    """The gain divided by σ, the standard deviation of one run; None where σ is unknown."""
    trust: Trust


def pooled_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Return the noise of the metric from repeated runs, pooled; None if nothing was run twice.

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
    """Return the mean of a commit's values without the first, or its only value; None without any.

    The first is left out because the commit was kept for it, so that it is likely too good.
    """
    if not values:
        return None
    return fmean(values[1:]) if len(values) > 1 else values[0]


def in_sigmas(gain: float | None, noise: Noise | None) -> float | None:
    """Return a gain divided by σ, the standard deviation of one run; None if unknown or σ is 0."""
    return gain / noise.sigma if gain is not None and noise is not None and noise.sigma else None


def trust_in(gain: float | None, noise: Noise | None, *, repeated: bool) -> Trust:
    """Return how far a measured gain can be trusted, compared with the noise.

    Args:
        gain: The gain in metric units, positive is better.
        noise: The spread of the metric between runs of the same code; None if unknown.
        repeated: Whether the kept commit was run more than once.
    """
    if noise is None or gain is None:
        return Trust.UNKNOWN
    if gain > CLEAR_SIGMAS * noise.sigma:
        return Trust.CLEAR
    return Trust.CONFIRMED if repeated and gain > 0 else Trust.WITHIN


def noise_of(*sessions: Session) -> Noise | None:
    """Return the metric's noise pooled over sessions; None if no commit was run twice."""
    return pooled_noise(
        values for session in sessions for values in _values_by_commit(session).values()
    )


def values_of(session: Session, number: int) -> tuple[float, ...]:
    """Return the metric values of an experiment and of all others with its commit, in order.

    Crashes and values whose report is doubted are left out.
    """
    commit = session.experiment(number).commit
    same = [e for e in session.experiments if e.number == number or (commit and e.commit == commit)]
    return tuple(_values(same))


def worth_of(session: Session, number: int, before: int, noise: Noise | None) -> Worth:
    """Return the gain of a keep over the one before it on the branch, and the trust in it.

    Args:
        session: The session.
        number: Number of the experiment that was kept.
        before: Number of the experiment that was the incumbent until then.
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
        counts = e.verdict is not None and e.verdict is not Verdict.CRASH and not e.doubted
        if counts and e.measurement is not None and math.isfinite(e.measurement.metric):
            yield e.measurement.metric
