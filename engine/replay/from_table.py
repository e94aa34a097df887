"""Converts a results table without a journal into events, so that it can be replayed.

A row becomes a proposal, a commit and a measurement if it has them, a verdict, and a move of the
frontier where it became the incumbent. Everything else (reasoning, runs, devices and usually times)
is marked as not recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import NOT_RECORDED, Verdict
from engine.core.table import RowVerdict, Table, TableRow, commit_hash, summarise
from engine.replay.commits import Commit, Commits, Diff
from engine.replay.recording import Recording
from engine.replay.table_notes import TableNotes

_VERDICTS = {
    RowVerdict.KEEP: Verdict.KEEP,
    RowVerdict.DISCARD: Verdict.DISCARD,
    RowVerdict.CRASH: Verdict.CRASH,
}
_FILE = "diff"
"""Placeholder for the name of the edited file, which a table does not record."""


class _RowTime(NamedTuple):
    at: datetime
    estimated: bool


class TableHistory:
    """A session reconstructed from a results table and the git repository around it.

    Args:
        table: The table.
        path: The table's file.
        commits: The repository; None if the table is in none.
    """

    def __init__(self, table: Table, path: Path, commits: Commits | None) -> None:
        self._table = table
        self._path = path
        self._commits = commits
        self._names = [commit_hash(row.commit) for row in table.rows]
        wanted = [name for name in self._names if name is not None]
        found = commits.find(wanted) if commits is not None else {}
        self._found: list[Commit | None] = [found.get(name or "") for name in self._names]
        self._incumbents = summarise(table).incumbents
        self._times = _row_times(table.rows, self._found)
        self.joined = sum(commit is not None for commit in self._found)
        """Number of rows whose commit is in the repository."""
        self.named = len(wanted)
        """Number of rows that name a commit."""
        self.notes = TableNotes(
            table=table,
            path=path,
            commits=commits,
            joined=self.joined,
            named=self.named,
            times_known=any(self._times),
            times_estimated=any(time is not None and time.estimated for time in self._times),
        )

    # ---- events ----------------------------------------------------------------------------------

    def recording(self) -> Recording:
        """Return the table's rows as a recording of events, with interpolated times marked."""
        events: list[ev.AnyEvent] = [self._start()]
        estimated: set[int] = set()
        for index, time in enumerate(self._times):
            row = self._row(index)
            if time is not None and time.estimated:
                estimated.update(range(len(events) + 1, len(events) + len(row) + 1))
            events += row
        numbered: list[ev.AnyEvent] = [
            msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, start=1)
        ]
        return Recording(numbered, frozenset(estimated))

    def _start(self) -> ev.SessionStarted:
        table = self._table
        config = ResearchConfig(
            tag=self._path.stem,
            file=_FILE,
            metric=table.metric or "metric",
            direction=table.direction,
            agent=f"agent {NOT_RECORDED}",
        )
        return ev.SessionStarted(
            at=self._times[0].at if self._times and self._times[0] is not None else ev.EPOCH,
            version="",
            workspace=str(self._commits.directory if self._commits else self._path.parent),
            branch=NOT_RECORDED,
            base_commit="",
            config=config,
            results_file=str(self._path),
            notes=self.notes.all(),
        )

    def _row(self, index: int) -> list[ev.AnyEvent]:
        row, number = self._table.rows[index], index + 1
        time = self._times[index]
        at = time.at if time is not None else ev.EPOCH
        before = self._incumbents[index - 1] if index else 0
        commit = self._commit_of(index)
        events: list[ev.AnyEvent] = [
            ev.ProposalDrafted(
                at=at,
                experiment=number,
                base=self._commit_of(before - 1) if before else "",
                proposal=ev.Proposal(
                    patch_id="",
                    hypothesis=row.description or f"description {NOT_RECORDED}",
                    category=row.category,
                ),
                patch="",
                reasoning=_row_text(row),
            )
        ]
        if commit:
            events.append(ev.CandidateCommitted(at=at, experiment=number, commit=commit, ref=""))
        if row.value is not None:
            measurement = ev.Measurement(
                metric=row.value, memory_gb=row.memory_gb or 0.0, summary=dict(row.extras)
            )
            events.append(ev.Measured(at=at, experiment=number, run=1, measurement=measurement))
        events += self._verdict(index, at, before)
        if self._incumbents[index] == number:
            events.append(ev.FrontierAdvanced(at=at, experiment=number, commit=commit))
        return events

    def _verdict(self, index: int, at: datetime, before: int) -> list[ev.AnyEvent]:
        row, number, file = self._table.rows[index], index + 1, self._path.name
        verdict = _VERDICTS.get(row.verdict)
        if verdict is None:
            status = row.status or NOT_RECORDED
            return [ev.RowWritten(at=at, experiment=number, file=file, status=status)]
        best = self._table.rows[before - 1].value if before else None
        crashed = verdict is Verdict.CRASH
        gain = None
        if best is not None and row.value is not None and not crashed:
            gain = self._table.direction.gain(row.value, best)
        same = row.status.strip().lower() == verdict.value
        reason = "as its row says" if same else f"its row says “{row.status}”"
        return [
            ev.VerdictGiven(
                at=at, experiment=number, verdict=verdict, reason=f"{reason}{_flaw(row)}", gain=gain
            ),
            ev.RowWritten(at=at, experiment=number, file=file),
        ]

    def _commit_of(self, index: int) -> str:
        commit = self._found[index]
        return commit.hash if commit is not None else self._names[index] or ""

    # ---- diffs -----------------------------------------------------------------------------------

    def has_commit(self, number: int) -> bool:
        """Return whether the commit of an experiment is in the repository."""
        return 1 <= number <= len(self._found) and self._found[number - 1] is not None

    def diff(self, number: int) -> Diff:
        """Return the diff of what an experiment changed, or a note if its commit is missing."""
        if not 1 <= number <= len(self._found):
            return Diff(note=NOT_RECORDED)
        commit, name = self._found[number - 1], self._names[number - 1]
        if self._commits is None:
            return Diff(note=f"Diff {NOT_RECORDED}: no git repository is around the table.")
        if commit is None:
            why = f"commit {name} is not in the repository" if name else "its row names no commit"
            return Diff(note=f"Diff {NOT_RECORDED}: {why}.")
        before = self._incumbents[number - 2] if number > 1 else 0
        return self._commits.change_of(commit, self._found[before - 1] if before else None)

    def cumulative(self, first: int, last: int) -> Diff:
        """Return the diff from one experiment's commit to another's, or a note if it is missing."""
        ends = [self._found[n - 1] if 1 <= n <= len(self._found) else None for n in (first, last)]
        if self._commits is None:
            return Diff(note=f"Diff {NOT_RECORDED}: no git repository is around the table.")
        if ends[1] is None:
            return Diff(
                note=f"Diff {NOT_RECORDED}: the commit of #{last} is not in the repository."
            )
        if ends[0] is None:
            return self._since_first_keep(first, last)
        found = self._commits.between(ends[0].hash, ends[1].hash)
        if self._commits.is_ancestor(ends[0].hash, ends[1].hash):
            return found
        return Diff(found.patch, f"#{last} is not based on #{first}: the branch was rebuilt")

    def _since_first_keep(self, first: int, last: int) -> Diff:
        """Return the diff to `last` from the parent of the first keep whose commit exists.

        It replaces the diff from `first`, whose commit is missing.

        Args:
            first: Number of the experiment whose commit is missing.
            last: Number of the experiment whose commit the diff ends at.
        """
        assert self._commits is not None
        end = self._found[last - 1]
        assert end is not None
        for number in sorted(set(self._incumbents) - {0}):
            commit = self._found[number - 1]
            if commit is None or not commit.parents:
                continue
            if self._commits.is_ancestor(commit.hash, end.hash):
                found = self._commits.between(commit.parents[0], end.hash)
                return Diff(
                    found.patch,
                    found.note
                    or f"from the parent of #{number}: the commit of #{first} is missing",
                )
        return Diff(note=f"Diff {NOT_RECORDED}: the commit of #{first} is not in the repository.")


def _row_text(row: TableRow) -> str:
    """Return a row's cells as text, in place of the agent's reasoning."""
    lines = [f"Reasoning {NOT_RECORDED}. The row in line {row.line}:", ""]
    cells = {"commit": row.commit, "status": row.status, "metric": row.value_text, **row.extras}
    lines += [f"{name}: {text}" for name, text in cells.items() if text]
    if row.flaw:
        lines.append(f"irregular: {row.flaw}")
    return "\n".join(lines)


def _flaw(row: TableRow) -> str:
    return f" ({row.flaw})" if row.flaw else ""


def _row_times(rows: Sequence[TableRow], found: Sequence[Commit | None]) -> list[_RowTime | None]:
    """Return each row's time: its own, its commit's, or one interpolated; None if unknown.

    A commit's time counts for its first row alone, since later rows ran it again.
    """
    seen: set[str] = set()
    times: list[_RowTime | None] = []
    for row, commit in zip(rows, found, strict=True):
        at = row.at
        if at is None and commit is not None and commit.hash not in seen:
            at = commit.at
        if commit is not None:
            seen.add(commit.hash)
        times.append(None if at is None else _RowTime(at.astimezone(UTC), False))
    known = [index for index, time in enumerate(times) if time is not None]
    for first, last in pairwise(known):
        begin, end = times[first], times[last]
        assert begin is not None and end is not None
        step = (end.at - begin.at) / (last - first)
        for index in range(first + 1, last):
            times[index] = _RowTime(begin.at + step * (index - first), True)
    return times
