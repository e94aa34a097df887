"""A bare results.tsv into the events that would have written it, so that the same fold and the same
screen show it.

A row is one proposal, perhaps a commit, perhaps a measurement, a verdict, and the branch moving
where the row became the one to beat. What the table does not tell is called that: it has no
reasoning, no runs, no devices and as a rule no times.
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
from engine.core.enums import NOT_RECORDED, Direction, Verdict
from engine.core.table import RowVerdict, Table, TableRow, commit_hash, summarise
from engine.replay.commits import Commit, Commits, Diff
from engine.replay.recording import Recording

_VERDICTS = {
    RowVerdict.KEEP: Verdict.KEEP,
    RowVerdict.DISCARD: Verdict.DISCARD,
    RowVerdict.CRASH: Verdict.CRASH,
}
SURE = frozenset({"by its name", "the second of the usual columns", "as asked"})
"""Reasons that leave nothing to be checked."""
_FILE = "diff"
"""Which file was edited is not in the table; this stands where its name would."""


class _When(NamedTuple):
    at: datetime
    estimated: bool


class TableHistory:
    """What a table and the repository around it tell.

    Args:
        table: As it was read.
        path: Of its file.
        commits: The repository, where there is one.
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
        self._whens = _times(table.rows, self._found)
        self.joined = sum(commit is not None for commit in self._found)
        self.named = len(wanted)

    # ---- events ----------------------------------------------------------------------------------

    def recording(self) -> Recording:
        """The events, and which of their times are only estimated."""
        events: list[ev.AnyEvent] = [self._opening()]
        estimated: set[int] = set()
        for index, when in enumerate(self._whens):
            row = self._row(index)
            if when is not None and when.estimated:
                estimated.update(range(len(events) + 1, len(events) + len(row) + 1))
            events += row
        numbered: list[ev.AnyEvent] = [
            msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, start=1)
        ]
        return Recording(numbered, frozenset(estimated))

    def _opening(self) -> ev.SessionStarted:
        table = self._table
        config = ResearchConfig(
            tag=self._path.stem,
            file=_FILE,
            metric=table.metric or "metric",
            direction=table.direction,
            agent=f"agent {NOT_RECORDED}",
        )
        return ev.SessionStarted(
            at=self._whens[0].at if self._whens and self._whens[0] is not None else ev.EPOCH,
            version="",
            workspace=str(self._commits.directory if self._commits else self._path.parent),
            branch=NOT_RECORDED,
            base_commit="",
            config=config,
            results_file=str(self._path),
            notes=self.notes(),
        )

    def shallow(self) -> tuple[str, ...]:
        """That commits may be missing because the clone has no more of them."""
        if self._commits is None or not self._commits.is_shallow or self.joined == self.named:
            return ()
        return (
            f"{self.named - self.joined} of the {self.named} commits it names are not here: the "
            "clone is shallow. `git fetch --unshallow` brings them.",
        )

    def notes(self) -> tuple[str, ...]:
        """How the table was understood, and what it lacks."""
        table = self._table
        notes = [
            f"A replay of {self._path.name} alone: reasoning, runs, logs, devices and decisions "
            f"are {NOT_RECORDED}.",
            self.understood(),
        ]
        notes += self.not_the_best()
        notes += self.bad_rows()
        notes += [f"{note[:1].upper()}{note[1:]}." for note in table.notes]
        if self._commits is None:
            notes.append(f"No git repository around it, so diffs are {NOT_RECORDED} (--repo DIR).")
        else:
            shallow = " The clone is shallow." if self._commits.is_shallow else ""
            notes.append(
                f"{self.joined} of the {self.named} commits it names are still in the repository "
                f"{self._commits.directory}.{shallow}"
            )
        times = [when for when in self._whens if when is not None]
        if not times:
            notes.append(f"Times are {NOT_RECORDED}.")
        elif any(when.estimated for when in times):
            notes.append("Times with ≈ lie between two known ones.")
        return tuple(notes)

    @property
    def guessed(self) -> bool:
        """Whether the metric or its direction stands on more than a name or a word."""
        table = self._table
        return bool(table.rows) and not (
            table.metric_reason in SURE and table.direction_reason in SURE
        )

    def understood(self) -> str:
        """Which column is the metric, which way it improves, and why that is believed."""
        table = self._table
        better = "lower" if table.direction is Direction.MIN else "higher"
        return (
            f"Metric {table.metric or NOT_RECORDED} ({table.metric_reason}); "
            f"{better} is better ({table.direction_reason})."
        )

    def not_the_best(self) -> tuple[str, ...]:
        """That the last row kept is not the best of those kept, where that is so."""
        summary, table = summarise(self._table), self._table
        best, last = summary.best, summary.incumbents[-1] if summary.incumbents else 0
        if best is None or best.value is None or not last:
            return ()
        standing = table.rows[last - 1].value
        if standing is None or table.direction.gain(best.value, standing) <= 0:
            return ()
        return (
            f"The star is the last row kept, #{last}, which the next was compared with; the best "
            f"value kept is {best.value:.6g}, of #{best.number}.",
        )

    def bad_rows(self) -> tuple[str, ...]:
        """How many lines are no rows."""
        bad = self._table.bad
        if not bad:
            return ()
        lines = "line is" if len(bad) == 1 else "lines are"
        first = f"line {bad[0].line}: {bad[0].reason}"
        return (f"{len(bad)} {lines} no row of results and left out; the first is {first}.",)

    def _row(self, index: int) -> list[ev.AnyEvent]:
        row, number = self._table.rows[index], index + 1
        when = self._whens[index]
        at = when.at if when is not None else ev.EPOCH
        before = self._incumbents[index - 1] if index else 0
        commit = self._commit_of(index)
        made: list[ev.AnyEvent] = [
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
                reasoning=_as_written(row),
            )
        ]
        if commit:
            made.append(ev.CandidateCommitted(at=at, experiment=number, commit=commit, ref=""))
        if row.value is not None:
            measurement = ev.Measurement(
                metric=row.value, memory_gb=row.memory_gb or 0.0, summary=dict(row.extras)
            )
            made.append(ev.Measured(at=at, experiment=number, run=1, measurement=measurement))
        made += self._ruling(index, at, before)
        if self._incumbents[index] == number:
            made.append(ev.FrontierAdvanced(at=at, experiment=number, commit=commit))
        return made

    def _ruling(self, index: int, at: datetime, before: int) -> list[ev.AnyEvent]:
        row, number, file = self._table.rows[index], index + 1, self._path.name
        verdict = _VERDICTS.get(row.verdict)
        if verdict is None:
            word = row.status or NOT_RECORDED
            return [ev.RowWritten(at=at, experiment=number, file=file, status=word)]
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
        """Whether the commit of an experiment is there."""
        return 1 <= number <= len(self._found) and self._found[number - 1] is not None

    def diff(self, number: int) -> Diff:
        """What an experiment changed, as far as its commit still exists."""
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
        """All that changed from one experiment's commit to another's."""
        ends = [self._found[n - 1] if 1 <= n <= len(self._found) else None for n in (first, last)]
        if self._commits is None:
            return Diff(note=f"Diff {NOT_RECORDED}: no git repository is around the table.")
        if ends[1] is None:
            return Diff(note=f"Diff {NOT_RECORDED}: the commit of #{last} is not there.")
        if ends[0] is None:
            return self._since_the_first(first, last)
        found = self._commits.between(ends[0].hash, ends[1].hash)
        if self._commits.is_ancestor(ends[0].hash, ends[1].hash):
            return found
        return Diff(found.patch, f"#{last} was not made on #{first}: the branch was rebuilt")

    def _since_the_first(self, first: int, last: int) -> Diff:
        """Where the baseline's commit is gone: from the parent of the first keep that is left."""
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
                    found.note or f"from the parent of #{number}: the commit of #{first} is gone",
                )
        return Diff(note=f"Diff {NOT_RECORDED}: the commit of #{first} is not there.")


def _as_written(row: TableRow) -> str:
    """What stands in place of the agent's reasoning."""
    lines = [f"Reasoning {NOT_RECORDED}. The row, as line {row.line} has it:", ""]
    cells = {"commit": row.commit, "status": row.status, "metric": row.value_text, **row.extras}
    lines += [f"{name}: {text}" for name, text in cells.items() if text]
    if row.flaw:
        lines.append(f"odd about it: {row.flaw}")
    return "\n".join(lines)


def _flaw(row: TableRow) -> str:
    return f" ({row.flaw})" if row.flaw else ""


def _times(rows: Sequence[TableRow], found: Sequence[Commit | None]) -> list[_When | None]:
    """For each row its own time, else its commit's, else one between the two known around it.

    Of several rows with one commit it is the first one's time: the others ran it again later.
    """
    seen: set[str] = set()
    whens: list[_When | None] = []
    for row, commit in zip(rows, found, strict=True):
        at = row.at
        if at is None and commit is not None and commit.hash not in seen:
            at = commit.at
        if commit is not None:
            seen.add(commit.hash)
        whens.append(None if at is None else _When(at.astimezone(UTC), False))
    known = [index for index, when in enumerate(whens) if when is not None]
    for first, last in pairwise(known):
        begin, end = whens[first], whens[last]
        assert begin is not None and end is not None
        step = (end.at - begin.at) / (last - first)
        for index in range(first + 1, last):
            whens[index] = _When(begin.at + step * (index - first), True)
    return whens
