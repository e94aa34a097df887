"""Computes the health of a session's search: keeps over time, coverage, novelty and costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from engine.core.analysis.failure_streak import failure_advice
from engine.core.analysis.plateau import experiments_since_keep, plateau_advice
from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

STRETCHES = 16
"""Number of stretches a session is divided into at most; longer sessions have longer ones."""
SHORTEST = 10
"""Smallest number of experiments in a stretch, except the last one."""
ALIKE = 0.5
"""Jaccard similarity of two hypotheses' words from which they count as one idea."""
LOOKED_BACK = 300
"""Number of latest experiments whose idea is compared with the same number of earlier ones."""
RECENT = 20
"""Number of latest compared experiments in which `SearchHealth.recent` counts new ideas."""
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}")
_FILLERS = re.compile(
    "the|and|for|with|from|that|this|than|into|its|are|was|let|should|more|less|try|use|using|"
    "helps?|may|not|but|per|one|two|all|set|change|raise|lower|(in|de)crease|reduce|improve|better"
)
"""Words of a hypothesis that are ignored when it is compared with others."""


class ExperimentStretch(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some consecutive experiments; a session is divided into such stretches."""

    first: int
    last: int
    verdicts: tuple[Verdict | None, ...]
    """Effective verdicts in order; None for a row with another status than keep/discard/crash."""
    gained: float
    """Sum of the gains of its keeps, in metric units."""
    new: int
    """Number of experiments whose idea is unlike any before."""
    judged: int
    """Number of experiments whose idea was compared with earlier ones, for `new`."""
    dollars: float
    tokens: int
    seconds: float
    """Total run time of its experiments."""

    @property
    def kept(self) -> int:
        """Return the number of keeps in the stretch."""
        return sum(v is Verdict.KEEP for v in self.verdicts)


class CategoryCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """The results of the experiments in one category, such as `optimizer`."""

    name: str
    tried: int = 0
    kept: int = 0
    crashed: int = 0
    gained: float = 0.0
    last: int = 0
    """Number of the category's newest experiment; 0: none."""


class SearchHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Figures about a session's experiments, without the baseline, repeats and killed runs."""

    tried: int = 0
    kept: int = 0
    crashed: int = 0
    stretches: tuple[ExperimentStretch, ...] = ()
    since_keep: int = 0
    """Number of finished experiments since the last keep."""
    last_keep: int = 0
    longest: int = 0
    """Largest number of consecutive experiments without a keep."""
    longest_end: int = 0
    """Number of the last experiment of that longest stretch; 0: none."""
    advice: str = ""
    """The advice for the agent in its next prompt, on crashes in a row or a plateau; else empty."""
    covered: tuple[CategoryCoverage, ...] = ()
    new: int = 0
    judged: int = 0
    recent: int = 0
    """Number of new ideas among the last `RECENT` experiments that `judged` counts."""
    repeated: int = 0
    """Number of experiments whose edited file has the same syntax tree as an earlier one."""
    dollars: float = 0.0
    unpriced: int = 0
    tokens: int = 0
    seconds: float = 0.0
    vetoed: int = 0
    parked: int = 0


def search_health(session: Session) -> SearchHealth:
    """Return figures on how well a session's search goes; 0 or empty before its first result."""
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
        since_keep=experiments_since_keep(session),
        last_keep=keeps[-1] if keeps else 0,
        longest=longest,
        longest_end=ended,
        advice=failure_advice(session) or plateau_advice(session),
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
    """Return the length of the longest stretch without a keep, and its last experiment's number."""
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
    """Return the results by category, most tried first; usual categories even if never tried."""
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
    """Return, by experiment number, whether the idea of a recent experiment is new.

    Experiments without any word to compare are left out.
    """
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
    """Return the words that describe an experiment's idea, from its knobs or its hypothesis."""
    if e.proposal.knobs:
        return frozenset(name.lower() for name in e.proposal.knobs)
    found = (word.lower() for word in _WORD.findall(e.proposal.hypothesis[:2000]))
    return frozenset(word for word in found if not _FILLERS.fullmatch(word))


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of words, from 0 (disjoint) to 1 (equal)."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
