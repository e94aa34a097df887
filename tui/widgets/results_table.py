"""All experiments as a table that only ever makes the rows that are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from textual.message import Message

from engine.core.enums import Phase
from engine.core.imported_attempt import PastAttempt
from engine.core.records import VerdictCounts
from engine.core.session import Session
from tui.present.lines import TextLine
from tui.present.results_cells import (
    experiment_cell,
    experiment_matches,
    past_cell,
    past_matches,
)
from tui.present.results_columns import GAP, ResultsColumn, columns_for, status_cells, words_cells
from tui.present.results_order import Filter, Sort, order_of, seconds_of
from tui.present.run_phase import phase_of, sample_of
from tui.present.verdict_marks import abandoned, interruptions, longest_word, overruled_any
from tui.view import View
from tui.widgets.painted import Run
from tui.widgets.row_list import RowList, cell

Choice = TypeVar("Choice", bound=StrEnum)


class ResultsTable(RowList):
    """Experiments, the newest at the bottom; it stays in view until the cursor is moved from it.

    Above the first stand the rows from before the journal, where the session took some over. A row
    is known by an index: an experiment's from 0 on, a past row's below 0, the last one's being -1.
    """

    @dataclass
    class Opened(Message):
        """The person wants to see an experiment whole."""

        number: int

    @dataclass
    class OpenedPast(Message):
        """The person wants to see a row from before the journal whole."""

        attempt: PastAttempt

    @dataclass
    class Highlighted(Message):
        """The cursor is on another experiment."""

        number: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._session = Session()
        self._phase: Phase | None = None
        """Of the run that is on."""
        self._counts: VerdictCounts | None = None
        self._own = 0
        """Cells of the longest status that is a word of ours."""
        self._status = 0
        """Cells of the status."""
        self._sort = Sort.NUMBER
        self._filter = Filter.ALL
        self._order: Sequence[int] = range(0)
        """The index of each row."""
        self._selected: int | None = None
        """The index under the cursor."""
        self._following = True
        self._painted: tuple[object, ...] = ()
        self._columns: list[ResultsColumn] = []
        self._columns_key: tuple[object, ...] = ()

    # ---- what is shown ---------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Paint the experiments of this view."""
        session = view.session
        same_rows = (
            session.experiments is self._session.experiments
            and session.past is self._session.past
            and session.incumbent == self._session.incumbent
            and session.config is self._session.config
        )
        self._session = session
        self._phase = phase_of(view) if sample_of(view) is not None else None
        if session.counts != self._counts:
            self._counts = session.counts
            self._own = status_cells(overruled_any(session), interruptions(session))
        if not same_rows:
            self._status = max(self._own, words_cells(longest_word(session)))
            self._reorder()
        painted = self._painted_now()
        if painted != self._painted:
            self._painted = painted
            self.refresh()

    @property
    def selected(self) -> int | None:
        """The number of the experiment under the cursor; None on a row that is none."""
        index = self._selected
        return index + 1 if index is not None and index >= 0 else None

    @property
    def selected_past(self) -> PastAttempt | None:
        """The row from before the journal under the cursor."""
        index, past = self._selected, self._session.past
        return past[index] if index is not None and -len(past) <= index < 0 else None

    def caption(self) -> str:
        """What the border says."""
        parts = ["Results", f"{len(self._session.experiments)}"]
        if self._session.past:
            parts.append(f"{len(self._session.past)} before the journal")
        if self._filter is not Filter.ALL:
            parts.append(self._filter.value)
        if self._sort is not Sort.NUMBER:
            parts.append(self._sort.value)
        return " · ".join(parts)

    def cycle_sort(self) -> str:
        """The next order; returns the new caption."""
        self._sort = _next(self._sort)
        self._reorder(jump=True)
        self.refresh()
        return self.caption()

    def cycle_filter(self) -> str:
        """The next filter; returns the new caption."""
        self._filter = _next(self._filter)
        self._reorder(jump=True)
        self.refresh()
        return self.caption()

    def _reorder(self, *, jump: bool = False) -> None:
        old = self._selected
        self._order = order_of(self._session, self._sort, self._filter)
        count = len(self._order)
        if jump and self._sort is not Sort.NUMBER:
            self._following = False
            row = 0
        elif self._following or (jump and self._sort is Sort.NUMBER):
            self._following = self._sort is Sort.NUMBER
            row = count - 1
        else:
            row = self._row_of(old)
        following = self._following
        self.set_rows(count, max(0, row))
        self._following = following

    def _row_of(self, index: int | None) -> int:
        if index is None:
            return 0
        if isinstance(self._order, range):
            return index - self._order.start
        try:
            return self._order.index(index)
        except ValueError:
            return min(self.at, len(self._order) - 1)

    def _painted_now(self) -> tuple[object, ...]:
        """All that the rows in view are made of."""
        top = int(self.scroll_offset.y)
        rows = self._order[top : top + self.inner.height]
        experiments = [self._session.experiments[index] for index in rows if index >= 0]
        return (
            self.at,
            self._session.incumbent,
            self._session.config.metric,
            self._session.direction,
            self._phase,
            abandoned(self._session),
            [self._session.past[index].row for index in rows if index < 0],
            [
                (
                    *(e.number, e.commit, e.proposal, e.measurement, e.verdict, e.overruled),
                    *(e.gain, seconds_of(e)),
                )
                for e in experiments
            ],
        )

    # ---- the cursor ------------------------------------------------------------------------------

    def _go(self, row: int, *, told: bool = True) -> None:
        super()._go(row, told=told)
        last = len(self._order) - 1
        self._following = self._sort is Sort.NUMBER and self.at == last
        index = self._order[self.at] if self._order else None
        if index == self._selected:
            return
        self._selected = index
        if (number := self.selected) is not None and self.is_mounted:
            self.post_message(self.Highlighted(number))

    def action_open(self) -> None:
        """Open what is under the cursor."""
        if (number := self.selected) is not None:
            self.post_message(self.Opened(number))
        elif (attempt := self.selected_past) is not None:
            self.post_message(self.OpenedPast(attempt))

    # ---- the rows --------------------------------------------------------------------------------

    def header(self, width: int) -> str:
        self._fit(width)
        return "".join(_in(column, column.title) for column in self._columns)

    def empty(self) -> str:
        if self._filter is not Filter.ALL and (self._session.experiments or self._session.past):
            return f"No experiment is {self._filter.value.removesuffix(' only')}."
        return "No experiment yet."

    def matches(self, index: int, needle: str) -> bool:
        place = self._order[index]
        if place < 0:
            return past_matches(self._session.past[place], needle)
        return experiment_matches(self._session.experiments[place], needle)

    def row(self, index: int, width: int) -> list[Run]:
        self._fit(width)
        session, place = self._session, self._order[index]
        cells: list[TextLine] = []
        for column in self._columns:
            if place < 0:
                text, style = past_cell(column.title, session.past[place], session)
            else:
                experiment = session.experiments[place]
                text, style = experiment_cell(column.title, experiment, session, self._phase)
            cells.append((_in(column, text), style))
        return self.runs(cells)

    def _fit(self, width: int) -> None:
        """Choose the columns anew where the width or what they hold is another."""
        session = self._session
        key = (
            *(width, session.config.metric, self._status),
            *(len(str(len(session.experiments))), session.past[-1:]),
        )
        if key != self._columns_key:
            self._columns_key = key
            self._columns = columns_for(session, width, self._status)


def _in(column: ResultsColumn, text: str) -> str:
    return cell(text, column.width, right=column.right, gap=GAP)


def _next(value: Choice) -> Choice:
    members = list(type(value))
    return members[(members.index(value) + 1) % len(members)]
