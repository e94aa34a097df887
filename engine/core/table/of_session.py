"""A session as the table it would write, so that one set of figures serves both."""

from __future__ import annotations

from engine.core.session import Session
from engine.core.table.model import Column, Role, RowVerdict, Table, TableRow
from engine.core.words import Verdict


def table_of(session: Session) -> Table:
    """The experiments that have a verdict, a row each."""
    rows: list[TableRow] = []
    for experiment in session.experiments:
        if experiment.verdict is None:
            continue
        crashed = experiment.verdict is Verdict.CRASH
        measured = None if crashed else experiment.measurement
        run = experiment.run
        rows.append(
            TableRow(
                number=experiment.number,
                line=len(rows) + 2,
                commit=experiment.commit[:7],
                value=measured.metric if measured is not None else None,
                value_text=str(measured.metric) if measured is not None else "",
                memory_gb=measured.memory_gb if measured is not None else None,
                status=experiment.verdict.value,
                verdict=RowVerdict(experiment.verdict.value),
                description=experiment.proposal.hypothesis,
                category=experiment.proposal.category,
                at=experiment.ended_at,
                extras={
                    "experiment": str(experiment.number),
                    "category": experiment.proposal.category,
                    "outcome": experiment.outcome.value if experiment.outcome else "",
                    "seconds": f"{run.seconds:.1f}" if run is not None else "",
                },
            )
        )
    metric = session.config.metric
    roles = (Role.COMMIT, Role.METRIC, Role.MEMORY, Role.STATUS, Role.DESCRIPTION, Role.CATEGORY)
    names = ("commit", metric, "memory_gb", "status", "description", "category")
    return Table(
        metric=metric,
        direction=session.direction,
        metric_reason="of the session",
        direction_reason="of the session",
        columns=tuple(map(Column, names, roles)),
        rows=tuple(rows),
    )
