"""Says which gains exceed the noise of the metric, and how far each keep can be trusted.

σ, the standard deviation of a single run, comes from repeated runs of the same code alone; below
four degrees of freedom it counts as not known. Where a gain is divided by σ, the upper bound of its
95 % interval is taken, so that a σ that is too small by chance makes nothing look certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import fmean

import msgspec

from engine.core.config import CONFIRM
from engine.core.enums import Origin, RunPurpose, Verdict
from engine.core.keep_rule.from_session import spread_of
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import FEWEST_DEGREES, Spread
from engine.core.text import plural


class Trust(StrEnum):
    """How far a keep's gain can be trusted to be real and not noise."""

    CLEAR = "clear"
    """The gain is above its 95 % error bar."""
    CONFIRMED = "confirmed"
    """The gain is within its error bar, but repeats showed it to the keep rule."""
    SIMPLER = "simpler"
    """As good as the incumbent before it, with fewer lines."""
    PERSON = "your word"
    """Kept by the user's decision, whatever was measured."""
    UNKNOWN = "single run"
    """σ is not known, so that a gain cannot be told from luck."""
    WITHIN = "within noise"
    """The gain may be luck, or a repeat did not show it."""

    @property
    def good(self) -> bool:
        """Return whether it is recommended to take over the keep, for example in a merge."""
        return self not in (Trust.UNKNOWN, Trust.WITHIN)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The best estimate of the metric of one commit."""

    value: float
    runs: int
    """Number of runs that the value is the mean of."""
    all_runs: int = 1
    """Number of runs of the commit that gave a value, those that it was kept for included."""
    selected: bool = False
    """True where the commit was kept for just this value, which is likely too good."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """The gain of one keep, and how far it can be trusted."""

    number: int
    """Number of the experiment that was kept."""
    value: float | None
    """The mean of its fresh runs, else the value it was kept for; None without a measurement."""
    runs: int
    """Number of all its runs."""
    gain: float | None
    """Gain over the keep before it, in metric units, positive is better; None if unknown."""
    error: float | None
    """Half width of the gain's 95 % interval; None where σ is not known."""
    sigmas: float | None
    """The gain divided by the upper bound of σ; None where σ is not known."""
    trust: Trust


def known(spread: Spread | None) -> Spread | None:
    """Return an estimate of σ with enough degrees of freedom to state it; else None."""
    return spread if spread is not None and spread.is_known else None


def noise_of(*sessions: Session) -> Spread | None:
    """Return the metric's noise pooled over sessions; None while it is not known."""
    return known(spread_of(*sessions))


def why_unknown(spread: Spread | None) -> str:
    """Return why σ is not known, as a clause; empty where it is."""
    if spread is None:
        return "no code was run twice"
    if spread.is_known:
        return ""
    missing = math.ceil(FEWEST_DEGREES - spread.degrees)
    return (
        f"σ is not known yet from {spread.runs} runs of {plural(spread.commits, 'commit')}; "
        f"{missing} more repeats are needed"
    )


def unbiased_value(values: Sequence[float]) -> float | None:
    """Return the mean of a commit's values without the first, or its only value; None without any.

    The first is left out because the commit was kept for it, so that it is likely too good.
    """
    if not values:
        return None
    return fmean(values[1:]) if len(values) > 1 else values[0]


def in_sigmas(gain: float | None, noise: Spread | None) -> float | None:
    """Return a gain divided by the upper bound of σ; None if one is unknown or σ is 0."""
    if gain is None or noise is None or not noise.upper or not math.isfinite(noise.upper):
        return None
    return gain / noise.upper


def trust_in(
    gain: float | None, noise: Spread | None, *, runs: tuple[int, int], confirmed: bool
) -> Trust:
    """Return how far a measured gain can be trusted, compared with the noise.

    Args:
        gain: The gain in metric units, positive is better.
        noise: The noise of the metric; None if it is not known.
        runs: The number of runs of the kept commit, and of the one that it is compared with.
        confirmed: Whether repeats have shown the gain to the keep rule.
    """
    if gain is None or (noise is None and not confirmed):
        return Trust.UNKNOWN
    if noise is not None and gain > noise.half_width(*runs):
        return Trust.CLEAR
    return Trust.CONFIRMED if confirmed and gain > 0 else Trust.WITHIN


def estimate_of(session: Session, number: int) -> Estimate | None:
    """Return the best estimate of an experiment's metric; None without a value that counts.

    Runs that no selection has touched count: those after it was kept, the closing ones, and
    confirmations that the user asked for. Without any, the runs that it was judged by.
    """
    e = session.experiment(number)
    same = [c for c in session.experiments if e.commit and c.commit == e.commit and c is not e]
    repeats = [c for c in same if c.epoch == e.epoch and Origin.CONFIRM in (c.origin, e.origin)]
    unselected = [
        *e.fresh,
        *e.values(RunPurpose.CLOSING),
        *(v for c in _counted(repeats) for v in c.values(RunPurpose.TRIAL)),
    ]
    trial = () if e.is_baseline else e.values(RunPurpose.TRIAL)
    every = len(unselected) + len(trial)
    if unselected:
        return Estimate(value=fmean(unselected), runs=len(unselected), all_runs=every)
    for own in _counted([e]):
        if own.measurement is not None and math.isfinite(own.measurement.metric):
            runs = max(1, every)
            value = own.measurement.metric
            return Estimate(value=value, runs=runs, all_runs=runs, selected=True)
    return None


def worth_of(session: Session, number: int, before: int, noise: Spread | None) -> Worth:
    """Return the gain of a keep over the one before it on the branch, and the trust in it.

    Args:
        session: The session.
        number: Number of the experiment that was kept.
        before: Number of the experiment that was the incumbent until then.
        noise: The session's noise, from `noise_of`.
    """
    e = session.experiment(number)
    new, old = estimate_of(session, number), estimate_of(session, before)
    gain, error = e.gain, None
    is_comparable = e.epoch == session.experiment(before).epoch
    if new is not None and old is not None and is_comparable:
        if not new.selected or not old.selected:
            gain = session.direction.gain(new.value, old.value)
        error = noise.half_width(new.runs, old.runs) if noise is not None else None
    value = new.value if new is not None else None
    if value is None and e.measurement is not None:
        value = e.measurement.metric
    tested = session.config.rule == CONFIRM and len(e.values(RunPurpose.TRIAL)) > 1
    repeated = new is not None and not new.selected
    runs = (new.runs if new is not None else 1, old.runs if old is not None else 1)
    if e.overruled is Verdict.KEEP or e.forced is Verdict.KEEP:
        trust = Trust.PERSON
    elif (gain == 0 or tested) and _is_simpler(e):
        trust = Trust.SIMPLER
    else:
        trust = trust_in(gain, noise, runs=runs, confirmed=tested or (repeated and bool(noise)))
    return Worth(
        number=number,
        value=value,
        runs=new.all_runs if new is not None else 1,
        gain=gain,
        error=error,
        sigmas=in_sigmas(gain, noise),
        trust=trust,
    )


def _is_simpler(e: Experiment) -> bool:
    """Return whether an experiment was kept because it is as good with fewer lines."""
    fewer = e.proposal.removed > e.proposal.added
    return fewer and (e.gain == 0 or e.verdict_reason.startswith("as good"))


def _counted(experiments: Iterable[Experiment]) -> Iterable[Experiment]:
    """Yield the experiments whose value counts: no crashes, and no doubted reports."""
    for e in experiments:
        if e.verdict is not None and e.verdict is not Verdict.CRASH and not e.doubted:
            yield e
