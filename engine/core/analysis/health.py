"""The health of a search: keeps over time, coverage, novelty and costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from engine.core.analysis.plateau import current_dry_spell, plateau_advice
from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

STRETCHES = 16
"""Stretches at most; longer sessions have longer stretches."""
SHORTEST = 10
"""Experiments of a stretch at least."""
ALIKE = 0.5
"""Share of common words from which two hypotheses vary one idea."""
LOOKED_BACK = 300
"""Latest experiments that are judged for novelty, each against as many before it."""
RECENT = 20
"""Judged experiments that count as recent."""
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}")
_FILLERS = re.compile(
    "the|and|for|with|from|that|this|than|into|its|are|was|let|should|more|less|try|use|using|"
    "helps?|may|not|but|per|one|two|all|set|change|raise|lower|(in|de)crease|reduce|improve|better"
)
"""Words that do not characterise an idea."""


class ExperimentStretch(msgspec.Struct, frozen=True, kw_only=True):
    """A number of consecutive experiments."""

    first: int
    last: int
    verdicts: tuple[Verdict | None, ...]
    """Verdicts in order; None for a row with another status."""
    gained: float
    """Sum of the gains of its keeps, in metric units."""
    new: int
    """Ideas unlike any before."""
    judged: int
    """Experiments judged for novelty."""
    dollars: float
    tokens: int
    seconds: float
    """Run time."""

    @property
    def kept(self) -> int:
        """Return the number of keeps."""
        return sum(v is Verdict.KEEP for v in self.verdicts)


class CategoryCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one category."""

    name: str
    tried: int = 0
    kept: int = 0
    crashed: int = 0
    gained: float = 0.0
    last: int = 0
    """The newest experiment of the category; 0: none."""


class SearchHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a search, without the baseline and repeats."""

    tried: int = 0
    kept: int = 0
    crashed: int = 0
    stretches: tuple[ExperimentStretch, ...] = ()
    since_keep: int = 0
    """Experiments since the last keep."""
    last_keep: int = 0
    longest: int = 0
    """The largest number of experiments in a row without a keep."""
    longest_end: int = 0
    """The last experiment of that row."""
    advice: str = ""
    """The advice to the agent because of a plateau; empty without one."""
    covered: tuple[CategoryCoverage, ...] = ()
    new: int = 0
    judged: int = 0
    recent: int = 0
    """New ideas among the last `RECENT` judged experiments."""
    repeated: int = 0
    """Edits that resulted in the same file as an earlier one."""
    dollars: float = 0.0
    unpriced: int = 0
    tokens: int = 0
    seconds: float = 0.0
    vetoed: int = 0
    parked: int = 0


def search_health(session: Session) -> SearchHealth:
    """Return the figures of a session."""
    tried = [e for e in session.experiments if _counts(e)]
    if not tried:
        return SearchHealth()
    is_new = _novelty(tried)
    keeps = [e.number for e in tried if e.effective_verdict is Verdict.KEEP]
    longest, ended = _longest(tried)
    keys = [e.proposal.source_key for e in tried if e.proposal.source_key]
    return SearchHealth(
        tried=len(tried),
        kept=len(keeps),
        crashed=sum(e.effective_verdict is Verdict.CRASH for e in tried),
        stretches=tuple(_stretches(tried, is_new)),
        since_keep=current_dry_spell(session),
        last_keep=keeps[-1] if keeps else 0,
        longest=longest,
        longest_end=ended,
        advice=plateau_advice(session),
        covered=_covered(tried),
        new=sum(is_new.values()),
        judged=len(is_new),
        recent=sum(list(is_new.values())[-RECENT:]),
        repeated=len(keys) - len(set(keys)),
        dollars=session.spending.dollars,
        unpriced=session.spending.unpriced,
        tokens=session.spending.tokens,
        seconds=sum(map(_seconds, tried)),
        vetoed=len(session.vetoed),
        parked=len(session.parked),
    )


def _counts(e: Experiment) -> bool:
    settled = e.effective_verdict is not None or bool(e.row_status)
    killed = e.run is not None and e.run.kill_requested
    return settled and not e.is_baseline and e.origin is not Origin.CONFIRM and not killed


def _seconds(e: Experiment) -> float:
    return sum(run.seconds for run in e.runs)


def _stretches(tried: Sequence[Experiment], is_new: dict[int, bool]) -> Iterable[ExperimentStretch]:
    size = max(SHORTEST, -(-len(tried) // STRETCHES))
    for start in range(0, len(tried), size):
        part = tried[start : start + size]
        yield ExperimentStretch(
            first=part[0].number,
            last=part[-1].number,
            verdicts=tuple(e.effective_verdict for e in part),
            gained=_gained(part),
            new=sum(is_new.get(e.number, False) for e in part),
            judged=sum(e.number in is_new for e in part),
            dollars=sum(e.spending.dollars for e in part),
            tokens=sum(e.spending.tokens for e in part),
            seconds=sum(map(_seconds, part)),
        )


def _gained(part: Iterable[Experiment]) -> float:
    return sum(max(0.0, e.gain or 0.0) for e in part if e.effective_verdict is Verdict.KEEP)


def _longest(tried: Sequence[Experiment]) -> tuple[int, int]:
    """Return the length of the longest row without a keep, and its last experiment."""
    longest = ended = count = 0
    for e in tried:
        if e.effective_verdict is Verdict.KEEP:
            count = 0
            continue
        count += 1
        if count > longest:
            longest, ended = count, e.number
    return longest, ended


def _covered(tried: Sequence[Experiment]) -> tuple[CategoryCoverage, ...]:
    """Return the coverage of the usual categories and of others that were tried."""
    by: dict[str, list[Experiment]] = {name: [] for name in CATEGORIES}
    for e in tried:
        by.setdefault(e.proposal.category or "other", []).append(e)
    found = [
        CategoryCoverage(
            name=name,
            tried=len(part),
            kept=sum(e.effective_verdict is Verdict.KEEP for e in part),
            crashed=sum(e.effective_verdict is Verdict.CRASH for e in part),
            gained=_gained(part),
            last=part[-1].number if part else 0,
        )
        for name, part in by.items()
        if part or name != "other"
    ]
    return tuple(sorted(found, key=lambda c: (-c.tried, c.name)))


def _novelty(tried: Sequence[Experiment]) -> dict[int, bool]:
    """Return whether the idea of each recent experiment is unlike any before, by number."""
    words = [_words(e) for e in tried]
    judged: dict[int, bool] = {}
    for index in range(max(0, len(tried) - LOOKED_BACK), len(tried)):
        current = words[index]
        if current:
            before = words[max(0, index - LOOKED_BACK) : index]
            judged[tried[index].number] = all(
                _similarity(current, other) < ALIKE for other in before
            )
    return judged


def _words(e: Experiment) -> frozenset[str]:
    """Return the names of the changed knobs, or the hypothesis's words without fillers."""
    if e.proposal.knobs:
        return frozenset(name.lower() for name in e.proposal.knobs)
    found = (word.lower() for word in _WORD.findall(e.proposal.hypothesis[:2000]))
    return frozenset(word for word in found if not _FILLERS.fullmatch(word))


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of words."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
