"""Shows the results table: all experiments and imported attempts, painting only visible rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from textual.message import Message

from engine.core.analysis.counterfactual import Fate
from engine.core.enums import Phase
from engine.core.imported_attempt import PastAttempt
from engine.core.keep_rule.certainty import noise_key
from engine.core.keep_rule.from_session import spread_of
from engine.core.records import VerdictCounts
from engine.core.session import Session
from tui.present.lines import TextLine
from tui.present.results_cells import (
    experiment_cell,
    experiment_matches,
    past_cell,
    past_matches,
)
from tui.present.results_columns import (
    GAP,
    ResultsColumn,
    columns_for,
    foreign_status_cells,
    has_indecisive,
    has_repeats,
    metric_format,
    status_cells,
)
from tui.present.results_order import Filter, Sort, order_of, seconds_of
from tui.present.run_phase import phase_of, sample_of
from tui.present.verdict_marks import (
    has_overruled,
    interruptions,
    is_unattended,
    longest_foreign_status,
)
from tui.view import View
from tui.widgets.painted import Run
from tui.widgets.row_list import RowList, cell

Choice = TypeVar("Choice", bound=StrEnum)


class ResultsTable(RowList):
    """A table of experiments, the newest last; a cursor on the last row stays on the newest.

    Imported attempts stand above the first experiment. Each row has an index: 0 and above for an
    experiment, negative for an imported attempt, of which -1 is the last.
    """

    @dataclass
    class Opened(Message):
        """The user asks to open the experiment of this number, with Enter or a double click."""

        number: int

    @dataclass
    class OpenedPast(Message):
        """The user asks to open this imported attempt, with Enter or a double click."""

        attempt: PastAttempt

    @dataclass
    class Highlighted(Message):
        """The cursor has moved to the experiment of this number."""

        number: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._session = Session()
        self._phase: Phase | None = None
        """The phase of the current run; None if no sample of it has arrived."""
        self._fates: Mapping[int, Fate] = {}
        """What would have become of each keep, by number; empty where that is not asked."""
        self._counts: VerdictCounts | None = None
        self._own = 0
        """Cells of the longest status that the engine itself gives."""
        self._status = 0
        """Cells of the column `status`, including the status words of an imported table."""
        self._apart = 0
        """The decimal places that tell the metrics apart."""
        self._metric_cells = 0
        """Cells of the widest metric."""
        self._repeats = False
        """True where an experiment was run more than once."""
        self._noise_key: tuple[object, ...] = ()
        self._sigma: float | None = None
        """The upper bound of σ; None where σ is not known or 0."""
        self._sort = Sort.NUMBER
        self._filter = Filter.ALL
        self._order: Sequence[int] = range(0)
        """The index of the experiment or attempt in each row, from the top."""
        self._selected: int | None = None
        """The index of the experiment or attempt under the cursor; None without rows."""
        self._following = True
        self._painted: tuple[object, ...] = ()
        self._columns: list[ResultsColumn] = []
        self._columns_key: tuple[object, ...] = ()

    # ---- what is shown ---------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Show the view's experiments and attempts; repaint only if visible rows have changed."""
        session = view.session
        same_rows = (
            session.experiments is self._session.experiments
            and session.past is self._session.past
            and session.incumbent == self._session.incumbent
            and session.config is self._session.config
        )
        self._session = session
        self._fates = view.what_if.fates if view.what_if is not None else {}
        self._phase = phase_of(view) if sample_of(view) is not None else None
        if session.counts != self._counts:
            self._counts = session.counts
            self._own = status_cells(
                has_overruled(session), interruptions(session), has_indecisive(session)
            )
        if not same_rows:
            self._status = max(self._own, foreign_status_cells(longest_foreign_status(session)))
            self._apart, self._metric_cells = metric_format(session)
            self._repeats = has_repeats(session)
            self._reorder()
        if self._repeats and (key := noise_key(session)) != self._noise_key:
            self._noise_key = key
            spread = spread_of(session)
            known = spread is not None and spread.is_known
            self._sigma = spread.upper or None if known and spread is not None else None
        painted = self._painted_now()
        if painted != self._painted:
            self._painted = painted
            self.refresh()

    @property
    def selected(self) -> int | None:
        """The number of the experiment under the cursor; None for an imported attempt, or none."""
        index = self._selected
        return index + 1 if index is not None and index >= 0 else None

    @property
    def selected_past(self) -> PastAttempt | None:
        """The imported attempt under the cursor; None on an experiment or without rows."""
        index, past = self._selected, self._session.past
        return past[index] if index is not None and -len(past) <= index < 0 else None

    def caption(self) -> str:
        """Return the title in the table's border: `Results · 14 · kept only · by metric`."""
        parts = ["Results", f"{len(self._session.experiments)}"]
        if self._session.past:
            parts.append(f"{len(self._session.past)} before the journal")
        if self._filter is not Filter.ALL:
            parts.append(self._filter.value)
        if self._sort is not Sort.NUMBER:
            parts.append(self._sort.value)
        return " · ".join(parts)

    def cycle_sort(self) -> str:
        """Sort the rows by the next order of `Sort`, and return the table's new title."""
        self._sort = _next(self._sort)
        self._reorder(jump=True)
        self.refresh()
        return self.caption()

    def cycle_filter(self) -> str:
        """Show only the rows that the next `Filter` shows, and return the table's new title."""
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
        """Return everything that determines the visible rows, to compare with the last paint."""
        top = int(self.scroll_offset.y)
        rows = self._order[top : top + self.inner.height]
        experiments = [self._session.experiments[index] for index in rows if index >= 0]
        return (
            self.at,
            self._session.incumbent,
            self._session.config.metric,
            self._session.direction,
            self._phase,
            self._sigma,
            self._session.in_training and self._session.in_training.number,
            self._fates,
            is_unattended(self._session),
            [self._session.past[index].row for index in rows if index < 0],
            [
                (
                    *(e.number, e.commit, e.proposal, e.measurement, e.verdict, e.overruled),
                    *(e.gain, seconds_of(e), e.run_count, e.value),
                )
                for e in experiments
            ],
        )

    # ---- the cursor ------------------------------------------------------------------------------

    def _go(self, row: int, *, notify: bool = True) -> None:
        super()._go(row, notify=notify)
        last = len(self._order) - 1
        self._following = self._sort is Sort.NUMBER and self.at == last
        index = self._order[self.at] if self._order else None
        if index == self._selected:
            return
        self._selected = index
        if (number := self.selected) is not None and self.is_mounted:
            self.post_message(self.Highlighted(number))

    def action_open(self) -> None:
        """Post `Opened` or `OpenedPast` for the row under the cursor; nothing without rows."""
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
                text, style = past_cell(column.title, session.past[place], session, self._apart)
            else:
                experiment = session.experiments[place]
                text, style = experiment_cell(
                    column.title,
                    experiment,
                    session,
                    self._phase,
                    self._apart,
                    self._sigma,
                    self._fates.get(experiment.number),
                )
            cells.append((_in(column, text), style))
        return self.runs(cells)

    def _fit(self, width: int) -> None:
        """Choose the columns again if the table's width or the widest contents have changed."""
        session = self._session
        key = (
            *(width, session.config.metric, self._status, self._metric_cells),
            *(self._repeats, self._sigma is not None),
            *(len(str(len(session.experiments))), session.past[-1:]),
        )
        if key != self._columns_key:
            self._columns_key = key
            self._columns = columns_for(
                *(session, width, self._status, self._metric_cells),
                repeats=self._repeats,
                sigmas=self._sigma is not None,
            )


def _in(column: ResultsColumn, text: str) -> str:
    return cell(text, column.width, right=column.right, gap=GAP)


def _next(value: Choice) -> Choice:
    members = list(type(value))
    return members[(members.index(value) + 1) % len(members)]
