"""The verb `results`: lists or exports a session's experiments, or rows of any results.tsv."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from engine.client.sessions import find_workspace, read_damaged_session
from engine.core.enums import Direction, Verdict
from engine.core.errors import UsageError
from engine.core.imported_attempt import PastAttempt
from engine.core.keep_rule.from_session import spread_of
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.table.model import Role, RowVerdict, Table, TableRow
from engine.core.table.plain_values import stats_facts, table_facts
from engine.core.table.session_table import full_table, past_table, table_of
from engine.core.table.stats import credible, summarise
from engine.core.text import one_line, plural
from engine.store import table_files as tables
from tui.commands.bare_table import explain_bare_table
from tui.commands.options import (
    ANY_PATH,
    column_options,
    json_option,
    place_argument,
    reject_session_flags,
    reject_table_flags,
    tag_option,
)
from tui.commands.output import echo, print_json
from tui.commands.show import noise_facts
from tui.commands.table_lines import bad_row_line, closing_lines, table_lines
from tui.commands.what_if import (
    answer_facts,
    answer_lines,
    answer_of,
    question_of,
    what_if_options,
)
from tui.present.summary import experiment_line, summary_lines


@click.command()
@place_argument
@tag_option
@click.option("--top", type=click.IntRange(1), metavar="N", help="Only the N best.")
@click.option("--kept", is_flag=True, help="Only kept experiments.")
@click.option("--category", metavar="NAME", help="Only experiments of that category.")
@column_options
@click.option(
    "--export",
    "target",
    metavar="FILE.(tsv|csv|json|parquet)",
    type=ANY_PATH,
    help="Write the rows to a file instead, in the format of its name.",
)
@click.option("--force", is_flag=True, help="Let --export replace a file.")
@what_if_options
@json_option
def results(
    path: Path,
    tag: str | None,
    top: int | None,
    kept: bool,
    category: str | None,
    metric: str | None,
    direction: str | None,
    target: Path | None,
    force: bool,
    rule: str | None,
    sigma: float | None,
    min_delta: float | None,
    as_json: bool,
) -> None:
    """List the experiments of a session or of any results.tsv.

    A FILE may be TSV, CSV, JSON or JSON Lines, have any columns, any metric, and be damaged: an
    unreadable line is shown with the reason, and the last lines say how the columns were
    interpreted.
    """
    if force and target is None:
        raise click.UsageError("--force is for --export.")
    question = question_of(rule, sigma, min_delta)
    if path.is_dir():
        reject_table_flags(metric=metric, direction=direction)
        workspace = find_workspace(path)
        session, damage = _read_session(workspace, tag)
        for note in damage:
            echo(one_line(note), err=True)
        table, own = full_table(session), workspace / session.results_file
    else:
        reject_session_flags(tag=tag)
        session, own = None, path
        table = tables.read_file(
            path,
            metric=metric,
            direction=Direction(direction) if direction else None,
            needs_direction=top is not None or question is not None,
        )
    rows = select(table, top=top, kept=kept, category=category)
    answer = answer_of(question, table, session) if question is not None else None
    if target is not None:
        _export(table, rows, target, own, force=force, quiet=as_json)
    if as_json:
        facts = table_facts(table, rows) if session is None else session_facts(session, rows)
        print_json(facts if answer is None else {**facts, "what_if": answer_facts(answer)})
    elif answer is not None:
        for line in answer_lines(answer, rows):
            echo(line)
    elif target is None and session is not None:
        _show_session(session, rows)
    elif target is None:
        _show_table(table, rows, complete=not (top or kept or category))


def _read_session(workspace: Path, tag: str | None) -> tuple[Session, tuple[str, ...]]:
    """Return the session's state, and sentences on damage of its journal (empty for none)."""
    todo = "Its table can be read: autoresearch-tui results {table}"
    with explain_bare_table(workspace, tag, todo):
        return read_damaged_session(workspace, tag)


def select(
    table: Table, *, top: int | None = None, kept: bool = False, category: str | None = None
) -> list[TableRow]:
    """Return the rows of a table that the flags select; with `top` the best comes first.

    Args:
        table: The table.
        top: The most rows to return, the best ones with a credible value; None: no limit.
        kept: Whether to return kept rows only.
        category: The only category to return, in upper or lower case; None: every category.

    Raises:
        UsageError: The table has no such category.
    """
    believed = dict(zip((r.number for r in table.rows), credible(table), strict=True))
    rows = list(table.rows)
    if category is not None:
        rows = [r for r in rows if r.category.casefold() == category.casefold()]
        if not rows:
            raise _no_such_category(table, category)
    if kept:
        rows = [r for r in rows if r.verdict is RowVerdict.KEEP]
    if top is not None:
        # A discard may be better than the last keeps; a crash or a placeholder never is.
        measured = [
            (r.value, r)
            for r in rows
            if r.value is not None and (believed[r.number] or r.verdict is RowVerdict.DISCARD)
        ]
        sign = 1 if table.direction is Direction.MIN else -1
        rows = [r for _, r in sorted(measured, key=lambda pair: sign * pair[0])[:top]]
    return rows


def _no_such_category(table: Table, category: str) -> UsageError:
    if not table.has_column(Role.CATEGORY):
        return UsageError("The table has no column with categories.")
    have = ", ".join(sorted({one_line(r.category, 40) for r in table.rows if r.category})[:20])
    return UsageError(f"No experiment has the category {category!r}.", f"There are: {have}.")


def session_facts(session: Session, rows: Sequence[TableRow]) -> dict[str, Any]:
    """Return a session's rows and statistics as plain values for JSON.

    Args:
        session: The session; the statistics cover all its own experiments.
        rows: The rows to list, all or some of the session's table.
    """
    baseline, past = session.baseline, past_table(session)
    known = _parts(session, rows)
    return {
        "metric": session.config.metric,
        "direction": session.direction.value,
        "best": session.best_metric,
        "baseline": baseline.value if baseline is not None else None,
        "noise": noise_facts(session, spread_of(session)),
        **stats_facts(summarise(table_of(session))),
        "adopted": _adopted_facts(past) if past.rows else None,
        "bad_rows": [],
        "rows": [
            _experiment_facts(part) if isinstance(part, Experiment) else _past_facts(part)
            for part in known
        ],
    }


def _parts(session: Session, rows: Sequence[TableRow]) -> list[Experiment | PastAttempt]:
    """Return the experiment or imported attempt behind each row of a session's table."""
    taken_over = len(session.past)
    return [
        session.past[row.number - 1]
        if row.number <= taken_over
        else session.experiment(int(row.extras["experiment"]))
        for row in rows
    ]


def _adopted_facts(past: Table) -> dict[str, Any]:
    """Return statistics of the imported rows, which another tool measured, for JSON."""
    stats = summarise(past)
    return {
        "rows": len(past.rows),
        "best": stats.best.value if stats.best is not None else None,
        "baseline": stats.baseline.value if stats.baseline is not None else None,
        **stats_facts(stats),
    }


def _past_facts(p: PastAttempt) -> dict[str, Any]:
    return {
        "experiment": None,
        "adopted": True,
        "row": p.row,
        "commit": p.commit or p.named,
        "verdict": p.verdict.value if p.verdict else None,
        "reason": p.status,
        "outcome": None,
        "metric": p.metric,
        "gain": p.gain,
        "memory_gb": p.memory_gb,
        "seconds": None,
        "category": p.category,
        "hypothesis": p.description,
        "knobs": {},
        "unknown": [what.value for what in p.unknown],
    }


def _experiment_facts(e: Experiment) -> dict[str, Any]:
    measured = e.measurement if e.verdict is not Verdict.CRASH else None
    return {
        "experiment": e.number,
        "adopted": False,
        "commit": e.commit,
        "verdict": e.effective_verdict.value if e.effective_verdict else None,
        "overruled": e.overruled is not None,
        "reason": e.verdict_reason,
        "outcome": e.outcome.value if e.outcome else None,
        "metric": e.value if measured else None,
        "runs": [
            {
                "run": run.number,
                "purpose": run.purpose.value,
                "value": run.metric,
                "doubted": run.doubted,
                "seconds": run.seconds if run.outcome is not None else None,
            }
            for run in e.runs
        ],
        "n": e.run_count,
        "indecisive": e.indecisive,
        "gain": e.gain,
        "memory_gb": measured.memory_gb if measured else None,
        "seconds": e.run.seconds if e.run else None,
        "category": e.proposal.category,
        "hypothesis": e.proposal.hypothesis,
        "knobs": {k: list(v) for k, v in e.proposal.knobs.items()},
    }


def _export(
    table: Table, rows: list[TableRow], target: Path, own: Path, *, force: bool, quiet: bool
) -> None:
    if target.exists() and own.exists() and target.samefile(own):
        raise UsageError(f"{target} is the table itself.", "", "Name another file.")
    chosen = msgspec.structs.replace(table, rows=tuple(rows))
    tables.export_table(chosen, target, force=force)
    left = len(table.bad) if target.suffix.lower() != ".json" else 0
    without = f", without the {left} that could not be read" if left else ""
    echo(f"Wrote {plural(len(rows), 'row')} to {one_line(str(target))}{without}.", err=quiet)


def _show_session(session: Session, rows: Sequence[TableRow]) -> None:
    width = terminal_width()
    past = [row for row in rows if row.number <= len(session.past)]
    lines = dict(zip((row.number for row in past), table_lines(past, width, "row "), strict=True))
    for row, part in zip(rows, _parts(session, rows), strict=True):
        if isinstance(part, Experiment):
            echo(experiment_line(session, part, width))
        else:
            echo(lines[row.number])
    if past:
        echo(f"{len(past)} of these are imported rows (row N).")
    for line in summary_lines(session):
        echo(line)


def _show_table(table: Table, rows: Sequence[TableRow], *, complete: bool) -> None:
    width = terminal_width()
    bad = list(table.bad) if complete else []
    lines = zip(rows, table_lines(rows, width), strict=True)
    for row, line in lines:
        while bad and bad[0].line < row.line:
            echo(bad_row_line(bad.pop(0), width))
        echo(line)
    for left in bad:
        echo(bad_row_line(left, width))
    for line in closing_lines(table, summarise(table)):
        echo(line)


def terminal_width() -> int:
    """Return the terminal's width in cells; 240 where the output is not a terminal."""
    return shutil.get_terminal_size((160, 24)).columns if sys.stdout.isatty() else 240
