"""Reconstructs the history of a session without a journal from its branch and results.tsv.

Each row becomes an imported attempt. Missing facts are listed as unknown: the edit if the commit is
missing, the time if no column has it, the reason except for the row's own text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.core.enums import Direction, Verdict
from engine.core.imported_attempt import PastAttempt, Unknown
from engine.core.table.model import Role, RowVerdict, Table, TableRow
from engine.core.table.numbers import commit_hash

_VERDICTS = {
    RowVerdict.KEEP: Verdict.KEEP,
    RowVerdict.DISCARD: Verdict.DISCARD,
    RowVerdict.CRASH: Verdict.CRASH,
}


class ResolvedCommit(msgspec.Struct, frozen=True, kw_only=True):
    """The full hash of a commit that a row names, and whether it is on the session's branch."""

    commit: str
    on_branch: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The past attempts of a session without a journal, read from its results table."""

    metric: str
    direction: Direction
    attempts: tuple[PastAttempt, ...]
    bad_rows: int = 0
    """Number of lines of the table that could not be read."""
    notes: tuple[str, ...] = ()
    """What the table leaves unknown and how it was read, as sentences for the user."""


def hashes_in(table: Table) -> list[str]:
    """Return the commit hashes that a table's rows name, each once and in lower case."""
    found = (commit_hash(row.commit) for row in table.rows)
    return list(dict.fromkeys(name for name in found if name is not None))


def history_of(
    table: Table,
    known: Mapping[str, ResolvedCommit],
    branch_commits: Sequence[str],
    branch: str,
) -> History:
    """Return the past attempts of a session without a journal, one for each row.

    Args:
        table: The session's table.
        known: The named commits that exist in the repository, by the hash as `hashes_in` has it.
        branch_commits: The commits on the session's branch since its base, oldest first.
        branch: The branch's name, for the notes.
    """
    attempts: list[PastAttempt] = []
    best: float | None = None
    timed = table.has_column(Role.TIME)
    for row in table.rows:
        attempt = _attempt(row, known, best, table.direction)
        attempts.append(attempt)
        if attempt.verdict is Verdict.KEEP and attempt.metric is not None:
            best = attempt.metric
    return History(
        metric=table.metric or "",
        direction=table.direction,
        attempts=tuple(attempts),
        bad_rows=len(table.bad),
        notes=tuple(_notes(table, attempts, branch_commits, branch, timed=timed)),
    )


def _attempt(
    row: TableRow, known: Mapping[str, ResolvedCommit], best: float | None, direction: Direction
) -> PastAttempt:
    verdict = _VERDICTS.get(row.verdict)
    metric = None if verdict is Verdict.CRASH else row.value
    name = commit_hash(row.commit)
    # With uncommitted changes on top, the commit is not the code that ran.
    found = known.get(name) if name is not None and "dirty" not in row.commit.lower() else None
    unknown = [
        what
        for what, missing in (
            (Unknown.EDIT, found is None),
            (Unknown.VALUE, metric is None and verdict is not Verdict.CRASH),
            (Unknown.VERDICT, verdict is None),
            (Unknown.TIME, row.at is None),
            (Unknown.MEMORY, row.memory_gb is None and verdict is not Verdict.CRASH),
        )
        if missing
    ]
    return PastAttempt(
        row=row.number,
        description=row.description,
        status=row.status,
        verdict=verdict,
        metric=metric,
        gain=None if metric is None or best is None else direction.gain(metric, best),
        memory_gb=row.memory_gb,
        category=row.category,
        at=row.at,
        commit=found.commit if found is not None else "",
        named="" if found is not None else row.commit,
        on_branch=found is not None and found.on_branch,
        unknown=tuple(unknown),
    )


def _notes(
    table: Table,
    attempts: list[PastAttempt],
    branch_commits: Sequence[str],
    branch: str,
    *,
    timed: bool,
) -> list[str]:
    notes = []
    missing = sum(1 for a in attempts if not a.commit)
    if missing:
        notes.append(
            f"The edits of {missing} of {len(attempts)} rows are unknown: their commits are "
            "missing or not named."
        )
    if not timed:
        notes.append("Run times of the rows are not recorded.")
    no_verdict = sum(1 for a in attempts if a.verdict is None)
    if no_verdict:
        notes.append(f"{no_verdict} row(s) are not marked as keep, discard or crash.")
    if table.bad:
        notes.append(f"{len(table.bad)} line(s) of the table could not be read.")
    kept = [a for a in attempts if a.verdict is Verdict.KEEP]
    off = [a for a in kept if a.commit and not a.on_branch]
    if off:
        rows = ", ".join(str(a.row) for a in off[:5])
        notes.append(f"Kept rows that are not on {branch}: {rows}; the branch was changed later.")
    named = {a.commit for a in attempts if a.commit}
    extra = [commit for commit in branch_commits if commit not in named]
    if extra:
        notes.append(f"{branch} has {len(extra)} commit(s) that no row names.")
    if kept and branch_commits and kept[-1].commit and kept[-1].commit != branch_commits[-1]:
        notes.append(f"The last kept row is not the end of {branch}; the end is measured again.")
    if table.direction_known:
        better = table.direction.better.capitalize()
        notes.append(f"{better} is better: {table.direction_reason}.")
    notes.append("Reasoning, logs, loss curves and the machine are not recorded.")
    return notes
