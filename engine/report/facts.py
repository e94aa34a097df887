"""Computes what reports on sessions and tables share: points, keeps, categories, failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from engine.core.enums import Direction
from engine.core.spread import Spread
from engine.core.table.model import RowVerdict, Table
from engine.core.table.stats import TableStats, credible, summarise
from engine.core.text import one_line
from engine.report.advice import advise
from engine.report.figures import places_for
from engine.report.meaning import meaning_of
from engine.report.model import NO_CATEGORY, UNNAMED, Category, Keep, Point, ReportFacts

TEXT_CHARACTERS = 600
"""Number of characters of a description in a report at most; the results file has all."""
_MISSES = 5


def points_of(
    table: Table,
    stats: TableStats,
    *,
    outcomes: Mapping[int, str],
    seconds: Mapping[int, float] | None = None,
    again: Mapping[int, int] | None = None,
    gains: Mapping[int, float] | None = None,
) -> tuple[Point, ...]:
    """Return a report's point for each row of a table, with the best value so far.

    Args:
        table: The table, or a session as one.
        stats: The table's statistics.
        outcomes: Why experiments were not kept, by number.
        seconds: Run times, by number; None: unknown.
        again: The experiment that a repeat repeats, by the repeat's number; None: no repeats.
        gains: Gains that the session recorded, by number; others are computed.
    """
    direction, believed = table.direction, credible(table)
    values = {row.number: row.value for row in table.rows}
    points: list[Point] = []
    best: float | None = None
    for i, (row, ok) in enumerate(zip(table.rows, believed, strict=True)):
        measured = row.value if ok or row.verdict is RowVerdict.DISCARD else None
        if measured == 0 and not ok and stats.best is not None and stats.best.value:
            measured = None  # a failed run recorded as a discard of 0
        incumbent = stats.incumbents[i - 1] if i else 0
        gain = (gains or {}).get(row.number)
        if gain is None and incumbent and measured is not None:
            base = values[incumbent]
            gain = direction.gain(measured, base) if base is not None else None
        if ok and measured is not None and (best is None or direction.gain(measured, best) > 0):
            best = measured
        points.append(
            Point(
                number=row.number,
                verdict=row.verdict,
                value=measured,
                gain=gain if measured is not None else None,
                text=one_line(row.description, TEXT_CHARACTERS),
                category=one_line(row.category, 40),
                commit=one_line(row.commit, 16),
                outcome=one_line(outcomes.get(row.number, ""), 160),
                memory_gb=row.memory_gb or None,
                seconds=(seconds or {}).get(row.number),
                again=(again or {}).get(row.number, 0),
                best=best,
            )
        )
    return tuple(points)


def kept_points(points: Sequence[Point], stats: TableStats) -> list[Point]:
    """Return the points with a value that are keeps, in order, the baseline first.

    Args:
        points: All points of a report.
        stats: The statistics of their table.
    """
    first = stats.baseline.number if stats.baseline is not None else 0
    return [
        p
        for p in points
        if p.value is not None
        and (p.number == first or (p.verdict is RowVerdict.KEEP and p.number > first))
    ]


def shared_facts(
    table: Table,
    *,
    name: str,
    of_session: bool,
    points: Sequence[Point],
    keeps: Sequence[Keep],
    noise: Spread | None,
    noise_why: str,
    incumbent: int | None = None,
) -> ReportFacts:
    """Return the facts of a report that follow from its points, without next steps.

    Args:
        table: The table, or a session as one.
        name: The session's tag, or the file's name.
        of_session: Whether the facts come from a journal.
        points: The points, from `points_of`.
        keeps: The judged keeps, without the baseline.
        noise: The noise of the metric; None if it is not known.
        noise_why: Why the noise is unknown; empty if it is known.
        incumbent: Number of the session's incumbent; None for a table.
    """
    stats = summarise(table)
    numbered = {point.number: point for point in points}
    baseline = numbered.get(stats.baseline.number) if stats.baseline is not None else None
    best = numbered.get(incumbent or (stats.best.number if stats.best is not None else 0))
    gain = None
    if baseline and best and baseline.value is not None and best.value is not None:
        gain = table.direction.gain(best.value, baseline.value)
    metric = one_line(table.metric or "", 60) or UNNAMED
    places = places_for([p.value for p in points if p.value is not None])
    return ReportFacts(
        name=one_line(name, 80),
        of_session=of_session,
        metric=metric,
        direction=table.direction,
        places=places,
        counts=stats.counts,
        trend=stats.trend,
        plateau=stats.plateau,
        baseline=baseline,
        best=best,
        gain=gain,
        points=tuple(points),
        keeps=tuple(keeps),
        categories=categories_of(points),
        outcomes=_outcomes(points),
        misses=_misses(points, table.direction),
        noise=noise,
        noise_why=noise_why,
        meaning=meaning_of(
            metric,
            table.direction,
            baseline,
            best,
            places,
            ratchet=bool(keeps) and best is not None and keeps[-1].point.number == best.number,
        ),
    )


def with_next_steps(facts: ReportFacts) -> ReportFacts:
    """Return a report's facts with the next steps that the fixed rules derive from them."""
    return msgspec.structs.replace(facts, steps=advise(facts))


def categories_of(points: Sequence[Point]) -> tuple[Category, ...]:
    """Return the results by category, most tried first, without the baseline and repeats.

    Empty if no point has a category.
    """
    found: dict[str, list[Point]] = defaultdict(list)
    for point in points[1:]:
        if not point.again:
            found[point.category].append(point)
    if set(found) <= {""}:
        return ()
    categories = [
        Category(
            name=name or NO_CATEGORY,
            tried=len(members),
            kept=sum(p.verdict is RowVerdict.KEEP for p in members),
            discarded=sum(p.verdict is RowVerdict.DISCARD for p in members),
            crashed=sum(p.verdict is RowVerdict.CRASH for p in members),
            gained=sum(
                max(0.0, p.gain)
                for p in members
                if p.verdict is RowVerdict.KEEP and p.gain is not None
            ),
        )
        for name, members in found.items()
    ]
    return tuple(sorted(categories, key=lambda c: (-c.tried, c.name)))


def _outcomes(points: Sequence[Point]) -> tuple[tuple[str, int], ...]:
    counted: dict[str, int] = defaultdict(int)
    for point in points:
        if point.outcome and not point.again and point.verdict is not RowVerdict.KEEP:
            counted[point.outcome] += 1
    return tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _misses(points: Sequence[Point], direction: Direction) -> tuple[Point, ...]:
    near = [
        p
        for p in points
        if p.verdict is RowVerdict.DISCARD and p.gain is not None and not p.again and p.gain <= 0
    ]
    return tuple(sorted(near, key=lambda p: (-(p.gain or 0.0), p.number))[:_MISSES])
