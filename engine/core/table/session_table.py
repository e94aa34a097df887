"""Converts a session's experiments, and the rows it adopted, to a results table (`Table`)."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.enums import Verdict
from engine.core.imported_attempt import PastAttempt
from engine.core.keep_rule.from_session import spread_of
from engine.core.session import Session
from engine.core.table.model import Role, RowVerdict, Table, TableColumn, TableRow

ADOPTED = "adopted"
"""Name of the extra column that marks the rows a session adopted, and its value in them."""
_ROLES = (Role.COMMIT, Role.METRIC, Role.MEMORY, Role.STATUS, Role.DESCRIPTION, Role.CATEGORY)


def table_of(session: Session) -> Table:
    """Return a session's experiments with a verdict as a table, without adopted rows.

    `verdict` is the effective one (the user's if there is one), `status` that of the keep rule.
    """
    rows: list[TableRow] = []
    spread = spread_of(session)
    sigma = spread.sigma if spread is not None and spread.is_known else None
    for experiment in session.experiments:
        if experiment.verdict is None:
            continue
        crashed = experiment.verdict is Verdict.CRASH
        measured = None if crashed else experiment.measurement
        run = experiment.run
        value = experiment.value if measured is not None else None
        values = experiment.all_values if measured is not None else ()
        rows.append(
            TableRow(
                number=experiment.number,
                line=len(rows) + 2,
                commit=experiment.commit[:7],
                value=value,
                value_text=str(value) if value is not None else "",
                memory_gb=measured.memory_gb if measured is not None else None,
                status=experiment.verdict.value,
                verdict=RowVerdict((experiment.effective_verdict or experiment.verdict).value),
                description=experiment.proposal.hypothesis,
                category=experiment.proposal.category,
                at=experiment.ended_at,
                extras={
                    "experiment": str(experiment.number),
                    "category": experiment.proposal.category,
                    "outcome": experiment.outcome.value if experiment.outcome else "",
                    "seconds": f"{run.seconds:.1f}" if run is not None else "",
                    "runs": str(len(values) or 1) if measured is not None else "",
                    "values": " ".join(map(repr, values)),
                    "sigma": repr(sigma) if sigma is not None and len(values) > 1 else "",
                    "indecisive": "indecisive" if experiment.indecisive else "",
                },
            )
        )
    return _table(session, rows)


def past_table(session: Session) -> Table:
    """Return the rows that a session adopted from a results file, numbered as in that file."""
    return _table(session, [_past_row(attempt) for attempt in session.past])


def full_table(session: Session) -> Table:
    """Return a session's adopted rows, marked as such, then its own; all renumbered from 1."""
    own, past = table_of(session), past_table(session)
    if not past.rows:
        return own
    rows = [replace(row, extras={**row.extras, ADOPTED: ADOPTED}) for row in past.rows]
    rows += own.rows
    return replace(
        own,
        rows=tuple(replace(row, number=i, line=i + 1) for i, row in enumerate(rows, start=1)),
    )


def _past_row(attempt: PastAttempt) -> TableRow:
    verdict = attempt.verdict
    return TableRow(
        number=attempt.row,
        line=attempt.row + 1,
        commit=attempt.commit[:7] or attempt.named,
        value=attempt.metric,
        value_text="" if attempt.metric is None else str(attempt.metric),
        memory_gb=attempt.memory_gb,
        status=attempt.status,
        verdict=RowVerdict.OTHER if verdict is None else RowVerdict(verdict.value),
        description=attempt.description,
        category=attempt.category,
        at=attempt.at,
        extras={
            "experiment": "",
            "category": attempt.category,
            **dict.fromkeys(("outcome", "seconds", "runs", "values", "sigma", "indecisive"), ""),
        },
    )


def _table(session: Session, rows: list[TableRow]) -> Table:
    metric = session.config.metric
    names = ("commit", metric, "memory_gb", "status", "description", "category")
    return Table(
        metric=metric,
        direction=session.direction,
        metric_reason="of the session",
        direction_reason="of the session",
        columns=tuple(map(TableColumn, names, _ROLES)),
        rows=tuple(rows),
    )
