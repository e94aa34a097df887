"""How the search itself fares: keeps over time, what was covered, what is new, what keeps cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from engine.core.analysis.plateau import advice, spell_of
from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session

STRETCHES = 16
"""At most so many stretches; each is then longer."""
SHORTEST = 10
ALIKE = 0.5
"""Two hypotheses that share so much of their words vary one idea."""
LOOKED_BACK = 300
"""Novelty is judged of so many of the last experiments, each against as many before it."""
RECENT = 20
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}")
_EMPTY = re.compile(
    "the|and|for|with|from|that|this|than|into|its|are|was|let|should|more|less|try|use|using|"
    "helps?|may|not|but|per|one|two|all|set|change|raise|lower|(in|de)crease|reduce|improve|better"
)
"""Words that say nothing of what an idea is about."""


class ExperimentStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some experiments in a row."""

    first: int
    last: int
    verdicts: tuple[Verdict | None, ...]
    """In order; None: its row says neither of the three."""
    gained: float
    """By its keeps, in metric units."""
    new: int
    """Ideas unlike any before."""
    judged: int
    """How many were judged for that."""
    dollars: float
    tokens: int
    seconds: float
    """Of its runs."""

    @property
    def kept(self) -> int:
        """How many were kept."""
        return sum(v is Verdict.KEEP for v in self.verdicts)


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one category."""

    name: str
    tried: int = 0
    kept: int = 0
    crashed: int = 0
    gained: float = 0.0
    last: int = 0
    """The newest experiment of it; 0: none."""


class SearchHealth(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. The baseline and runs that only measured again are in none of the figures."""

    tried: int = 0
    kept: int = 0
    crashed: int = 0
    stretches: tuple[ExperimentStretch, ...] = ()
    since_keep: int = 0
    """Experiments since the last keep: the dry spell now."""
    last_keep: int = 0
    longest: int = 0
    """The longest dry spell."""
    longest_end: int = 0
    """The experiment that ended it, or the newest one."""
    advice: str = ""
    """What the agent is told because of a plateau."""
    covered: tuple[Covered, ...] = ()
    new: int = 0
    judged: int = 0
    recent: int = 0
    """Of the last `RECENT` that were judged, those unlike any before."""
    repeated: int = 0
    """Edits that left the file as one before did."""
    dollars: float = 0.0
    unpriced: int = 0
    tokens: int = 0
    seconds: float = 0.0
    vetoed: int = 0
    parked: int = 0


def search_health(session: Session) -> SearchHealth:
    """The figures of a session as it stands."""
    tried = [e for e in session.experiments if _counts(e)]
    if not tried:
        return SearchHealth()
    fresh = _novel(tried)
    keeps = [e.number for e in tried if e.effective_verdict is Verdict.KEEP]
    longest, ended = _longest(tried)
    keys = [e.proposal.source_key for e in tried if e.proposal.source_key]
    return SearchHealth(
        tried=len(tried),
        kept=len(keeps),
        crashed=sum(e.effective_verdict is Verdict.CRASH for e in tried),
        stretches=tuple(_stretches(tried, fresh)),
        since_keep=spell_of(session),
        last_keep=keeps[-1] if keeps else 0,
        longest=longest,
        longest_end=ended,
        advice=advice(session),
        covered=_covered(tried),
        new=sum(fresh.values()),
        judged=len(fresh),
        recent=sum(list(fresh.values())[-RECENT:]),
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


def _stretches(tried: Sequence[Experiment], fresh: dict[int, bool]) -> Iterable[ExperimentStretch]:
    size = max(SHORTEST, -(-len(tried) // STRETCHES))
    for start in range(0, len(tried), size):
        part = tried[start : start + size]
        yield ExperimentStretch(
            first=part[0].number,
            last=part[-1].number,
            verdicts=tuple(e.effective_verdict for e in part),
            gained=_gained(part),
            new=sum(fresh.get(e.number, False) for e in part),
            judged=sum(e.number in fresh for e in part),
            dollars=sum(e.spending.dollars for e in part),
            tokens=sum(e.spending.tokens for e in part),
            seconds=sum(map(_seconds, part)),
        )


def _gained(part: Iterable[Experiment]) -> float:
    return sum(max(0.0, e.gain or 0.0) for e in part if e.effective_verdict is Verdict.KEEP)


def _longest(tried: Sequence[Experiment]) -> tuple[int, int]:
    """The longest run without a keep, and where it ended."""
    longest = ended = count = 0
    for e in tried:
        if e.effective_verdict is Verdict.KEEP:
            count = 0
            continue
        count += 1
        if count > longest:
            longest, ended = count, e.number
    return longest, ended


def _covered(tried: Sequence[Experiment]) -> tuple[Covered, ...]:
    """The field's categories, the untried ones too, and whatever else was named."""
    by: dict[str, list[Experiment]] = {name: [] for name in CATEGORIES}
    for e in tried:
        by.setdefault(e.proposal.category or "other", []).append(e)
    found = [
        Covered(
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


def _novel(tried: Sequence[Experiment]) -> dict[int, bool]:
    """Of the last experiments, by number, whether the idea is unlike any before."""
    words = [_words(e) for e in tried]
    judged: dict[int, bool] = {}
    for index in range(max(0, len(tried) - LOOKED_BACK), len(tried)):
        mine = words[index]
        if mine:
            before = words[max(0, index - LOOKED_BACK) : index]
            judged[tried[index].number] = all(_alike(mine, other) < ALIKE for other in before)
    return judged


def _words(e: Experiment) -> frozenset[str]:
    """What a hypothesis is about: its words without numbers and fillers; of knobs their names."""
    if e.proposal.knobs:
        return frozenset(name.lower() for name in e.proposal.knobs)
    found = (word.lower() for word in _WORD.findall(e.proposal.hypothesis[:2000]))
    return frozenset(word for word in found if not _EMPTY.fullmatch(word))


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words as a part of all words (Jaccard)."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
