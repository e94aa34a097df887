"""The facts of a bare table of results: what it tells, and plainly what it does not."""

from __future__ import annotations

import msgspec

from engine.core.analysis.noise import pooled_noise
from engine.core.enums import Direction
from engine.core.table.model import RowVerdict, Table, TableRow
from engine.core.table.stats import summarise
from engine.core.text import one_line
from engine.report.facts import common, kept_points, points_of, with_steps
from engine.report.figures import listed, many, number
from engine.report.keeps import table_groups, table_keeps
from engine.report.model import ReportFacts

_BAD_SHOWN = 5


def facts_of_table(table: Table, name: str) -> ReportFacts:
    """A report's facts from any results.tsv.

    Args:
        table: As the tolerant reader gives it.
        name: To call it by: its file's name.
    """
    stats = summarise(table)
    groups, shared = table_groups(table)
    noise = pooled_noise(groups.values())
    points = points_of(
        table, stats, outcomes={row.number: _outcome(row) for row in table.rows if _outcome(row)}
    )
    why = "no code in this table is known to have run twice"
    if shared:
        why += (
            f"; {many(shared, 'row')} share a commit with an earlier one, but tell of other changes"
        )
    facts = common(
        table,
        name=name,
        of_session=False,
        points=points,
        keeps=table_keeps(kept_points(points, stats), groups, noise, table.direction),
        noise=noise,
        noise_why="" if noise is not None else why,
    )
    times = [row.at for row in table.rows if row.at is not None]
    return with_steps(
        msgspec.structs.replace(
            facts,
            started_at=min(times) if times else None,
            ended_at=max(times) if times else None,
            facts=_known(table),
            reading=_reading(table, facts),
        )
    )


def _outcome(row: TableRow) -> str:
    """Why a row was not kept, as far as a table can say."""
    status = one_line(row.status, 40)
    if row.verdict is RowVerdict.KEEP:
        return ""
    if row.verdict is RowVerdict.DISCARD:
        own = status.casefold() in ("", "discard", "discarded")
        return "no better" if own else f"no better ({status})"
    if row.verdict is RowVerdict.CRASH:
        return "crash" if status.casefold() in ("", "crash", "crashed") else f"crash ({status})"
    return f"neither kept nor thrown away ({status})" if status else "no verdict in the table"


def _known(table: Table) -> tuple[tuple[str, str], ...]:
    """What all rows say alike: the machine, the harness."""
    told: list[tuple[str, str]] = []
    for column in table.columns[:40]:
        values = {row.extras.get(column.name, "") for row in table.rows if row.extras}
        values.discard("")
        if len(table.rows) > 2 and len(values) == 1 and "gpu" in column.name.casefold():
            told.append((one_line(column.name, 30), one_line(values.pop(), 60)))
    return tuple(told[:4])


def _reading(table: Table, facts: ReportFacts) -> tuple[str, ...]:
    way = "lower" if table.direction is Direction.MIN else "higher"
    why = one_line(table.metric_reason, 120)
    told = [
        f"The metric is {facts.metric} ({why}); {way} is better "
        f"({one_line(table.direction_reason, 120)})."
        if table.metric is not None
        else f"There is no metric in it: {why}."
    ]
    told += [
        f"{one_line(note, 300)[:1].upper()}{one_line(note, 300)[1:]}." for note in table.notes[:12]
    ]
    if table.bad:
        places = listed((str(bad.line) for bad in table.bad), _BAD_SHOWN)
        lines = "Line" if len(table.bad) == 1 else "Lines"
        why = one_line(table.bad[0].reason, 120)
        told.append(f"{lines} {places} could not be read as rows ({why}).")
    if not facts.places and facts.baseline is None:
        told.append("No row has a value that can be believed.")
    first, second = facts.baseline, facts.best
    if first is not None and first.number != facts.points[0].number:
        told.append(
            f"The baseline is taken to be row {first.number}, the first that was measured and not "
            f"thrown away: {number(first.value, facts.places)}."
        )
    if second is not None and second.verdict is not RowVerdict.KEEP:
        told.append(f"The best value is in row {second.number}, which does not say it was kept.")
    told.append(
        "A table has no record of reasoning, of the machine's state, of time use, of costs, nor of "
        "what a person decided; none of that is made up here."
    )
    return tuple(told)
