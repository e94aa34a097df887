"""Collects the keeps of a table or a session with all runs of their commits, and σ from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from engine.core.analysis.counterfactual import MOST_SIZE, Kept
from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import Spread, pooled_spread
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.table.numbers import commit_hash
from engine.core.table.stats import summarise

_REPEAT = re.compile(r"\b(re-?run|re-?test|repeat|replicat|again|confirm)", re.IGNORECASE)
"""Words of a description by which a row with the commit of an earlier one is another run of it."""
_CHANGED = re.compile("dirty|uncommitted", re.IGNORECASE)
"""Words of a commit cell whose code is not that of the commit."""


# ---- a table without a journal -------------------------------------------------------------------


def keeps_of_table(table: Table) -> list[Kept]:
    """Return the baseline and all keeps of a table, oldest first, with the values of repeats."""
    stats, groups = summarise(table), _repeats(table)
    numbers = [keep.number for keep in stats.keeps]
    if stats.baseline is not None and stats.baseline.number not in numbers:
        numbers.insert(0, stats.baseline.number)
    repeated = {row.number for group in groups.values() for row in group[1:]}
    kept = []
    for number in sorted(n for n in numbers if n not in repeated):
        rows = groups.get(number) or [table.rows[number - 1]]
        values = tuple(_measured(row.value for row in rows))
        if values:
            kept.append(Kept(number, values))
    return kept


def spread_of_table(table: Table) -> Spread | None:
    """Return σ from a table's repeated commits; None where there are none, or all are equal.

    Equal values may be copies of one run.
    """
    groups = [list(_measured(row.value for row in rows)) for rows in _repeats(table).values()]
    spread = pooled_spread(groups)
    return spread if spread is not None and spread.sigma > 0 else None


def _repeats(table: Table) -> dict[int, list[TableRow]]:
    """Return the runs of each commit that was run more than once, by the number of the first.

    A row is another run of an earlier row's commit if it has the same description, or one that
    says so. Others are edits whose row names the commit that they were based on.
    """
    first: dict[str, TableRow] = {}
    groups: dict[int, list[TableRow]] = {}
    for row in table.rows:
        commit = None if _CHANGED.search(row.commit) else commit_hash(row.commit)
        if commit is None or row.value is None or row.verdict is RowVerdict.CRASH:
            continue
        one = first.setdefault(commit, row)
        same = _plain(row) == _plain(one) and _plain(row) != ""
        if one is not row and (same or _REPEAT.search(row.description)):
            groups.setdefault(one.number, [one]).append(row)
    return groups


def _plain(row: TableRow) -> str:
    return " ".join(row.description.casefold().split())


# ---- a session -----------------------------------------------------------------------------------


def keeps_of_session(session: Session) -> list[Kept]:
    """Return the baseline and all keeps of a session, oldest first, with the values of all runs."""
    runs: dict[str, list[float]] = {}
    kept: list[Experiment] = []
    for e in session.experiments:
        if e.verdict is None or e.verdict is Verdict.CRASH or e.doubted:
            continue
        is_repeat = e.origin is Origin.CONFIRM or (e.commit and e.commit in runs)
        runs.setdefault(e.commit or f"#{e.number}", []).extend(_values(e))
        if not is_repeat and (e.is_baseline or e.effective_verdict is Verdict.KEEP):
            kept.append(e)
    return [
        Kept(e.number, values, e.proposal.removed - e.proposal.added)
        for e in kept
        if (values := tuple(runs[e.commit or f"#{e.number}"]))
    ]


def _values(e: Experiment) -> list[float]:
    values = e.all_values
    if not values and e.measurement is not None:
        values = (e.measurement.metric,)  # a journal of a version that recorded no value of a run
    return list(_measured(values))


def _measured(values: Iterable[float | None]) -> Iterable[float]:
    return (v for v in values if v is not None and math.isfinite(v) and abs(v) < MOST_SIZE)
