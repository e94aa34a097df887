"""Chooses the columns of the results table that fit its width."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from rich.cells import cell_len

from engine.core.digits import places_apart
from engine.core.session import Session
from tui.present.numbers import metric
from tui.present.text import clean_line

GAP = 2
_FOREIGN_STATUS_CELLS = 14


@dataclass(frozen=True)
class ResultsColumn:
    """A column of the results table, with its width in cells."""

    title: str
    width: int
    right: bool
    rank: int
    """The order of leaving out: the greatest rank first where the table is narrow, 0 never."""


_SIGN = ResultsColumn("", 1, False, 0)
"""The column that replaces `status` in a narrow table: only the sign, without the word."""


def status_cells(overruled: bool, interruptions: int, indecisive: bool = False) -> int:
    """Return the width in cells of the longest status that the engine itself can give.

    Args:
        overruled: True if the user overruled any verdict, which adds " by you".
        interruptions: The number of runs that the user ended.
        indecisive: True if any discard is marked indecisive.
    """
    return 16 if overruled else 13 if interruptions else 12 if indecisive else 10


def foreign_status_cells(longest: int) -> int:
    """Return the width in cells for an imported table's status words; longer words are cut.

    Args:
        longest: Cells of the longest of them.
    """
    return min(_FOREIGN_STATUS_CELLS, longest)


def has_repeats(session: Session) -> bool:
    """Return whether any experiment of the session was started more than once."""
    # Without a line of Python for each of perhaps 10,000 experiments.
    return max(map(len, map(attrgetter("runs"), session.experiments)), default=0) > 1


def has_indecisive(session: Session) -> bool:
    """Return whether any experiment of the session was discarded as indecisive."""
    return any(map(attrgetter("indecisive"), session.experiments))


def metric_format(session: Session) -> tuple[int, int]:
    """Return the decimal places that tell the session's metrics apart, and the cells they need."""
    values = [e.measurement.metric for e in session.experiments if e.measurement is not None]
    if has_repeats(session):
        means = (e.value for e in session.experiments if len(e.runs) > 1)
        values += [value for value in means if value is not None]
    values += [attempt.metric for attempt in session.past if attempt.metric is not None]
    apart = places_apart(values)
    ends = (min(values), max(values)) if values else ()
    return apart, max((len(metric(value, apart=apart)) for value in ends), default=0)


def columns_for(
    session: Session,
    width: int,
    status: int,
    metric_cells: int = 0,
    *,
    repeats: bool = False,
    sigmas: bool = False,
) -> list[ResultsColumn]:
    """Return the columns that fit the table; the hypothesis gets the rest of the width.

    Args:
        session: The session in the table.
        width: Cells of the whole table.
        status: Cells of the column `status`.
        metric_cells: The least cells of the metric's column.
        repeats: Whether an experiment was run more than once, which needs a column of counts.
        sigmas: Whether σ is known, in units of which gains are shown too.
    """
    name = clean_line(session.config.metric)
    digits = len(str(len(session.experiments)))
    if session.past:
        digits = max(digits, len(str(session.past[-1].row)))
    columns = [
        ResultsColumn("#", max(3, digits + 1), True, 0),
        ResultsColumn("commit", 7, False, 6),
        ResultsColumn(name[:14], max(9, min(14, max(cell_len(name), metric_cells))), True, 1),
        *([ResultsColumn("runs", 4, True, 4)] if repeats else []),
        ResultsColumn("Δ", 11, True, 3),
        *([ResultsColumn("σ", 5, True, 7)] if sigmas else []),
        ResultsColumn("mem", 5, True, 8),
        ResultsColumn("status", status, False, 2),
        ResultsColumn("category", 12, False, 9),
        ResultsColumn("time", 7, True, 5),
        ResultsColumn("hypothesis", 0, False, 0),
    ]

    def used() -> int:
        return sum(column.width + GAP for column in columns)

    for rank in range(9, 0, -1):
        if width - used() >= (12 if rank <= 2 else 24):
            break
        if rank == 2:
            columns = [_SIGN if column.rank == 2 else column for column in columns]
        else:
            columns = [column for column in columns if column.rank != rank]
    rest = ResultsColumn("hypothesis", max(0, width - used()), False, 0)
    return [rest if column.title == "hypothesis" else column for column in columns]
