"""A session that ran without a journal, as far as its branch and its results.tsv tell.

The rows become past attempts. What a row cannot know is named and not made up: no edit where the
commit is gone, no time where no column has one, no reason beside the table's own words.
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
    """What git knows of a commit that a row names."""

    commit: str
    on_branch: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A table read as the history of a session."""

    metric: str
    direction: Direction
    attempts: tuple[PastAttempt, ...]
    bad_rows: int = 0
    """Lines that could not be read."""
    notes: tuple[str, ...] = ()
    """What could not be known, in sentences."""


def hashes_in(table: Table) -> list[str]:
    """The commits that rows name, each once and in lower case, to be looked for."""
    found = (commit_hash(row.commit) for row in table.rows)
    return list(dict.fromkeys(name for name in found if name is not None))


def history_of(
    table: Table, known: Mapping[str, ResolvedCommit], line: Sequence[str], branch: str
) -> History:
    """The past attempts of a session without a journal.

    Args:
        table: As it was read.
        known: By the hash as a row has it: the commits that exist.
        line: The commits of the session's branch that are not of the branch it came from, oldest
            first.
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
        notes=tuple(_notes(table, attempts, line, branch, timed=timed)),
    )


def _attempt(
    row: TableRow, known: Mapping[str, ResolvedCommit], best: float | None, direction: Direction
) -> PastAttempt:
    verdict = _VERDICTS.get(row.verdict)
    metric = None if verdict is Verdict.CRASH else row.value
    name = commit_hash(row.commit)
    # A commit with uncommitted changes on top is not what ran.
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
    line: Sequence[str],
    branch: str,
    *,
    timed: bool,
) -> list[str]:
    notes = []
    gone = sum(1 for a in attempts if not a.commit)
    if gone:
        notes.append(
            f"The edits of {gone} of {len(attempts)} rows are not known: their commits are gone or "
            "were never named."
        )
    if not timed:
        notes.append("When each was run is not recorded.")
    no_verdict = sum(1 for a in attempts if a.verdict is None)
    if no_verdict:
        notes.append(f"Neither keep, discard nor crash is said of {no_verdict} row(s).")
    if table.bad:
        notes.append(f"{len(table.bad)} line(s) of the table could not be read.")
    kept = [a for a in attempts if a.verdict is Verdict.KEEP]
    off = [a for a in kept if a.commit and not a.on_branch]
    if off:
        rows = ", ".join(str(a.row) for a in off[:5])
        notes.append(f"Kept rows that are not on {branch}: {rows}; the branch was changed since.")
    written = {a.commit for a in attempts if a.commit}
    extra = [commit for commit in line if commit not in written]
    if extra:
        notes.append(f"{branch} has {len(extra)} commit(s) that no row names.")
    if kept and line and kept[-1].commit and kept[-1].commit != line[-1]:
        notes.append(
            f"The last kept row is not the end of {branch}; what is there now is measured anew."
        )
    better = "Lower" if table.direction is Direction.MIN else "Higher"
    notes.append(f"{better} is better: {table.direction_reason}.")
    notes.append("Reasoning, logs, loss curves and the machine are not recorded.")
    return notes
