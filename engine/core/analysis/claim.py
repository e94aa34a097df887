"""States the total gain that a session may claim: the final version against the baseline."""

from __future__ import annotations

from enum import StrEnum
from statistics import fmean

import msgspec

from engine.core.analysis.noise import noise_of
from engine.core.keep_rule.from_session import closing_values
from engine.core.session import Session


class Basis(StrEnum):
    """The runs that a claimed gain comes from, the most reliable first."""

    CLOSING = "closing"
    """Both versions were run in alternation at the end; no selection has touched the values."""
    FRESH = "fresh"
    """Both versions were run again after they were kept, at different times."""
    RECORDED = "recorded"
    """At least one value is the one that its version was kept for, which is likely too good."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The gain of a session's final version over its baseline."""

    before: float
    """The baseline's value."""
    after: float
    """The final version's value."""
    gain: float
    """In metric units, positive is better."""
    error: float | None
    """Half width of the gain's 95 % interval; None where σ is not known."""
    basis: Basis
    runs: tuple[int, int]
    """The numbers of runs that the two values are the means of."""

    @property
    def is_supported(self) -> bool:
        """Return whether the gain exceeds its error bar, on fresh runs of both versions."""
        return not self.note

    @property
    def note(self) -> str:
        """What limits the claim, as a clause; empty where its interval says all."""
        if self.basis is Basis.RECORDED:
            return "of single runs, which are likely too good"
        if self.error is None:
            return "σ is not known yet"
        return "" if self.gain > self.error else "within noise"


def claim_of(session: Session) -> Claim | None:
    """Return the claim of a session; None while the baseline is the best version."""
    best, baseline = session.best, session.baseline
    if best is None or baseline is None or best.is_baseline:
        return None
    first, last = closing_values(session, baseline), closing_values(session, best)
    basis = Basis.CLOSING
    if not (first and last):
        first, last, basis = baseline.fresh, best.fresh, Basis.FRESH
    if not (first and last):
        if baseline.value is None or best.value is None:
            return None
        first, last = first or (baseline.value,), last or (best.value,)
        basis = Basis.RECORDED
    noise = noise_of(session)
    before, after = fmean(first), fmean(last)
    return Claim(
        before=before,
        after=after,
        gain=session.direction.gain(after, before),
        error=noise.half_width(len(first), len(last)) if noise is not None else None,
        basis=basis,
        runs=(len(first), len(last)),
    )
