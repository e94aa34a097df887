"""Computes the facts of a report on a results table, and says what the table leaves open."""

from __future__ import annotations

import msgspec

from engine.core.analysis.noise import known, why_unknown
from engine.core.spread import pooled_spread
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.table.stats import summarise
from engine.core.text import one_line
from engine.report.facts import kept_points, points_of, shared_facts, with_next_steps
from engine.report.figures import listed, many, number
from engine.report.keeps import table_groups, table_keeps
from engine.report.model import ReportFacts

_BAD_SHOWN = 5


def facts_of_table(table: Table, name: str) -> ReportFacts:
    """Return the facts of a report on any results.tsv.

    Args:
        table: The table.
        name: The name of the table's file, for the report's title.
    """
    stats = summarise(table)
    groups, shared = table_groups(table)
    spread = pooled_spread(groups.values())
    noise = known(spread)
    points = points_of(
        table, stats, outcomes={row.number: _outcome(row) for row in table.rows if _outcome(row)}
    )
    why = why_unknown(spread) if spread else "no commit in this table is known to have run twice"
    if shared:
        rows = many(shared, "row")
        why += f"; {rows} share a commit with an earlier one, but describe other changes"
    facts = shared_facts(
        table,
        name=name,
        of_session=False,
        points=points,
        keeps=table_keeps(kept_points(points, stats), groups, noise, table.direction),
        noise=noise,
        noise_why="" if noise is not None else why,
    )
    times = [row.at for row in table.rows if row.at is not None]
    return with_next_steps(
        msgspec.structs.replace(
            facts,
            started_at=min(times) if times else None,
            ended_at=max(times) if times else None,
            details=_details(table),
            reading=_reading(table, facts),
        )
    )


def _outcome(row: TableRow) -> str:
    """Return why a row was not kept, as far as its status says; empty for a keep."""
    status = one_line(row.status, 40)
    if row.verdict is RowVerdict.KEEP:
        return ""
    if row.verdict is RowVerdict.DISCARD:
        own = status.casefold() in ("", "discard", "discarded")
        return "no better" if own else f"no better ({status})"
    if row.verdict is RowVerdict.CRASH:
        return "crash" if status.casefold() in ("", "crash", "crashed") else f"crash ({status})"
    return f"neither kept nor discarded ({status})" if status else "no verdict in the table"


def _details(table: Table) -> tuple[tuple[str, str], ...]:
    """Return name and value of the GPU columns that have the same value in all rows."""
    details: list[tuple[str, str]] = []
    for column in table.columns[:40]:
        values = {row.extras.get(column.name, "") for row in table.rows if row.extras}
        values.discard("")
        if len(table.rows) > 2 and len(values) == 1 and "gpu" in column.name.casefold():
            details.append((one_line(column.name, 30), one_line(values.pop(), 60)))
    return tuple(details[:4])


def _reading(table: Table, facts: ReportFacts) -> tuple[str, ...]:
    better = table.direction.better
    why = one_line(table.metric_reason, 120)
    notes = [
        f"The metric is {facts.metric} ({why}); {better} is better "
        f"({one_line(table.direction_reason, 120)})."
        if table.metric is not None
        else f"It has no metric: {why}."
    ]
    notes += [
        f"{one_line(note, 300)[:1].upper()}{one_line(note, 300)[1:]}." for note in table.notes[:12]
    ]
    if table.bad:
        places = listed((str(bad.line) for bad in table.bad), _BAD_SHOWN)
        lines = "Line" if len(table.bad) == 1 else "Lines"
        why = one_line(table.bad[0].reason, 120)
        notes.append(f"{lines} {places} could not be read as rows ({why}).")
    if not facts.places.usual and facts.baseline is None:
        notes.append("No row has a credible value.")
    first, second = facts.baseline, facts.best
    if first is not None and first.number != facts.points[0].number:
        notes.append(
            f"The baseline is assumed to be row {first.number}, the first that was measured and "
            f"not discarded: {number(first.value, facts.places)}."
        )
    if second is not None and second.verdict is not RowVerdict.KEEP:
        notes.append(f"The best value is in row {second.number}, which is not marked as kept.")
    notes.append(
        "A table does not record reasoning, the machine's state, time use, costs or user "
        "decisions, so the report has none of them."
    )
    return tuple(notes)
