"""Converts a results table, its rows and its statistics to plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.core.table.model import Table, TableRow
from engine.core.table.stats import TableStats, summarise


def stats_facts(stats: TableStats) -> dict[str, Any]:
    """Return a table's statistics as plain values: counts, keep rate, plateau, trend, keeps."""
    return {
        "counts": msgspec.to_builtins(stats.counts),
        "keep_rate": stats.keep_rate,
        "plateau": stats.plateau,
        "since_keep": stats.since_keep,
        "trend": {**msgspec.to_builtins(stats.trend), "improving": stats.trend.improving},
        "keeps": msgspec.to_builtins(stats.keeps),
    }


def table_facts(table: Table, rows: Iterable[TableRow] | None = None) -> dict[str, Any]:
    """Return a table with its statistics, notes, unreadable lines and rows as plain values.

    Args:
        table: The table; the statistics cover all its rows.
        rows: The rows to list; all by default.
    """
    stats = summarise(table)
    return {
        "metric": table.metric,
        "direction": table.direction.value if table.direction_known else None,
        "metric_reason": table.metric_reason,
        "direction_reason": table.direction_reason,
        "columns": [{"name": c.name, "role": c.role.value} for c in table.columns],
        "best": stats.best.value if stats.best is not None else None,
        "best_row": stats.best.number if stats.best is not None else None,
        "baseline": stats.baseline.value if stats.baseline is not None else None,
        "baseline_row": stats.baseline.number if stats.baseline is not None else None,
        **stats_facts(stats),
        "notes": list(table.notes),
        "bad_rows": [{"line": b.line, "reason": b.reason, "text": b.text} for b in table.bad],
        "rows": [row_facts(row) for row in (table.rows if rows is None else rows)],
    }


def row_facts(row: TableRow) -> dict[str, Any]:
    """Return a row as plain values; `metric` is None if its cell is not a number."""
    return {
        "experiment": row.number,
        "line": row.line,
        "commit": row.commit,
        "verdict": row.verdict.value,
        "status": row.status,
        "metric": row.value,
        "metric_text": row.value_text,
        "memory_gb": row.memory_gb,
        "category": row.category,
        "description": row.description,
        "at": row.at.isoformat() if row.at is not None else None,
        "flaw": row.flaw,
        "extras": dict(row.extras),
    }
