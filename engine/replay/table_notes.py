"""Writes notes on a replayed table: how it was interpreted, and what it does not record."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.core.enums import NOT_RECORDED
from engine.core.table import Table, summarise
from engine.replay.commits import Commits

_CERTAIN = frozenset({"by its name", "the second of the usual columns", "as asked"})
"""Reasons for the choice of a metric or direction that the user need not check."""


class TableNotes(NamedTuple):
    """The facts about one replayed table from which notes for the user are written."""

    table: Table
    path: Path
    commits: Commits | None
    joined: int
    """Number of rows whose commit is in the repository."""
    named: int
    """Number of rows that name a commit."""
    times_known: bool
    times_estimated: bool

    def all(self) -> tuple[str, ...]:
        """Return all notes on the table as sentences, for the first event of its recording."""
        notes = [
            f"A replay of {self.path.name} alone: reasoning, runs, logs, devices and decisions "
            f"are {NOT_RECORDED}.",
            self._interpretation(),
            *self._incumbent_not_best(),
            *self._bad_rows(),
            *(f"{note[:1].upper()}{note[1:]}." for note in self.table.notes),
        ]
        if self.commits is None:
            notes.append(f"No git repository around it, so diffs are {NOT_RECORDED} (--repo DIR).")
        else:
            shallow = " The clone is shallow." if self.commits.is_shallow else ""
            notes.append(
                f"{self.joined} of the {self.named} commits it names are still in the repository "
                f"{self.commits.directory}.{shallow}"
            )
        if not self.times_known:
            notes.append(f"Times are {NOT_RECORDED}.")
        elif self.times_estimated:
            notes.append("Times with ≈ are interpolated between known ones.")
        return tuple(notes)

    def at_start(self) -> tuple[str, ...]:
        """Return the notes that the user should read before the replay."""
        return (
            *((self._interpretation(),) if self._is_guessed() else ()),
            *self._incumbent_not_best(),
            *self._shallow(),
            *self._bad_rows(),
            *(() if self.table.rows else ("It has a header and no rows.",)),
        )

    def _is_guessed(self) -> bool:
        table = self.table
        certain = table.metric_reason in _CERTAIN and table.direction_reason in _CERTAIN
        return bool(table.rows) and not certain

    def _interpretation(self) -> str:
        table = self.table
        better = table.direction.better
        return (
            f"Metric {table.metric or NOT_RECORDED} ({table.metric_reason}); "
            f"{better} is better ({table.direction_reason})."
        )

    def _incumbent_not_best(self) -> tuple[str, ...]:
        stats = summarise(self.table)
        best, last = stats.best, stats.incumbents[-1] if stats.incumbents else 0
        if best is None or best.value is None or not last:
            return ()
        value = self.table.rows[last - 1].value
        if value is None or self.table.direction.gain(best.value, value) <= 0:
            return ()
        return (
            f"The star is the last row kept, #{last}, which the next was compared with; the best "
            f"value kept is {best.value:.9g}, of #{best.number}.",
        )

    def _shallow(self) -> tuple[str, ...]:
        if self.commits is None or not self.commits.is_shallow or self.joined == self.named:
            return ()
        return (
            f"{self.named - self.joined} of the {self.named} commits it names are missing: the "
            "clone is shallow. `git fetch --unshallow` gets them.",
        )

    def _bad_rows(self) -> tuple[str, ...]:
        bad = self.table.bad
        if not bad:
            return ()
        lines = "line is not a row" if len(bad) == 1 else "lines are not rows"
        first = f"line {bad[0].line}: {bad[0].reason}"
        return (f"{len(bad)} {lines} of results and left out; the first is {first}.",)
