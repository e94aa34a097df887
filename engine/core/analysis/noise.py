"""What a kept edit is worth: its gain, held against how much the same code differs from run to run.

Only runs of the same commit tell that spread. Where nothing was run twice it is not known, and no
keep is called trusted or not by a figure taken from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from statistics import fmean

import msgspec

from engine.core.enums import Verdict
from engine.core.records import Experiment
from engine.core.session import Session

CLEAR_SIGMAS = 2.0
"""A gain above so many σ is no luck of a single run."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """How much the metric of one and the same code differs from run to run."""

    sigma: float
    """Standard deviation of a single run, in metric units, pooled over the commits."""
    runs: int
    commits: int
    """How many commits were run more than once."""


class Trust(StrEnum):
    """How far a keep's gain is to be believed."""

    CLEAR = "clear"
    """Its gain is above 2 σ."""
    CONFIRMED = "confirmed"
    """Within 2 σ, but a fresh run was better than the incumbent too."""
    SIMPLER = "simpler"
    """As good, with fewer lines."""
    PERSON = "your word"
    """Kept by the person, whatever was measured."""
    UNKNOWN = "single run"
    """Nothing was run twice, so nobody knows."""
    WITHIN = "within noise"
    """A gain that the same code could show by luck, or that a fresh run did not."""

    @property
    def good(self) -> bool:
        """Whether it is recommended to take it."""
        return self not in (Trust.UNKNOWN, Trust.WITHIN)


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What one keep brought."""

    number: int
    value: float | None
    """The mean of its fresh runs, else what it was kept for."""
    runs: int
    gain: float | None
    """Against the keep before it, in metric units, positive is better; None for the baseline."""
    sigmas: float | None
    """The gain in σ; None where σ is not known."""
    trust: Trust


def values_of(session: Session, number: int) -> tuple[float, ...]:
    """The metric of an experiment and of its confirmations, in order; no crash, nothing doubted."""
    commit = session.experiment(number).commit
    same = [e for e in session.experiments if e.number == number or (commit and e.commit == commit)]
    return tuple(_metrics(same))


def noise_of(*sessions: Session) -> Noise | None:
    """The spread between runs of the same commit; None where none was run twice."""
    squares, runs, commits = 0.0, 0, 0
    for session in sessions:
        groups: dict[str, list[Experiment]] = {}
        for e in session.experiments:
            groups.setdefault(e.commit, []).append(e)
        groups.pop("", None)
        for group in groups.values():
            values = list(_metrics(group))
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


def _metrics(experiments: Iterable[Experiment]) -> Iterable[float]:
    for e in experiments:
        counts = e.verdict is not None and e.verdict is not Verdict.CRASH and not e.doubts
        if counts and e.measurement is not None and math.isfinite(e.measurement.metric):
            yield e.measurement.metric


def worth_of(session: Session, number: int, before: int, noise: Noise | None) -> Worth:
    """What a keep is worth against the one before it on the branch.

    Args:
        session: As it stands.
        number: Of the keep.
        before: The experiment that was the incumbent until then.
        noise: Of `noise_of`.
    """
    e = session.experiment(number)
    values, old = values_of(session, number), values_of(session, before)
    value, base = _fresh(values), _fresh(old)
    gain = e.gain
    if len(values) > 1 or len(old) > 1:
        gain = None if value is None or base is None else session.direction.gain(value, base)
    sigmas = gain / noise.sigma if gain is not None and noise is not None and noise.sigma else None
    if value is None and e.measurement is not None:
        value = e.measurement.metric
    return Worth(
        number=number,
        value=value,
        runs=max(1, len(values)),
        gain=gain,
        sigmas=sigmas,
        trust=_trust(e, gain, noise, again=len(values) > 1),
    )


def _fresh(values: tuple[float, ...]) -> float | None:
    """What is believed of several runs: the first was chosen for its luck, the others were not."""
    if not values:
        return None
    return fmean(values[1:]) if len(values) > 1 else values[0]


def _trust(e: Experiment, gain: float | None, noise: Noise | None, *, again: bool) -> Trust:
    if e.overruled is Verdict.KEEP or e.forced is Verdict.KEEP:
        return Trust.PERSON
    if gain == 0 and e.proposal.removed > e.proposal.added:
        return Trust.SIMPLER
    if noise is None or gain is None:
        return Trust.UNKNOWN
    if gain > CLEAR_SIGMAS * noise.sigma:
        return Trust.CLEAR
    return Trust.CONFIRMED if again and gain > 0 else Trust.WITHIN
