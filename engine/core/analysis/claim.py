"""States the total gain that a session may claim: the final version against the baseline."""

from __future__ import annotations

from enum import StrEnum
from statistics import fmean

import msgspec

from engine.core.keep_rule.certainty import closing_difference, total_difference
from engine.core.keep_rule.from_session import closing_values, spread_of
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
    def note(self) -> str:
        """What limits the claim, as a clause; empty where its interval says all."""
        if self.basis is Basis.RECORDED:
            return "of single runs, which are likely too good"
        if self.error is None:
            return "σ is not known yet"
        return "" if self.gain > self.error else "within noise"


def claim_of(session: Session) -> Claim | None:
    """Return the claim of a session; None while the baseline is the best version."""
    best, baseline, spread = session.best, session.baseline, spread_of(session)
    if best is None or baseline is None:
        return None
    difference, basis = closing_difference(session, spread), Basis.CLOSING
    if difference is not None:
        before = fmean(closing_values(session, baseline))
        after: float | None = fmean(closing_values(session, best))
    else:
        difference = total_difference(session, spread)
        before, after = session.reference or 0.0, session.best_metric
        basis = Basis.FRESH if best.fresh else Basis.RECORDED
    if difference is None or after is None:
        return None
    return Claim(
        before=before,
        after=after,
        gain=difference.gain,
        error=difference.half_width,
        basis=basis,
        runs=(difference.runs_before, difference.runs),
    )
