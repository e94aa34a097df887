"""All experiments as a table that only ever makes the rows that are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from engine.core.past import PastAttempt
from engine.core.records import Counts
from engine.core.session import Session
from engine.core.words import Phase
from tui.view import View
from tui.widgets.painted import Painted, Run, strip_of
from tui.widgets.plain_text import clean_line
from tui.widgets.results_cells import (
    experiment_cell,
    experiment_matches,
    past_cell,
    past_matches,
)
from tui.widgets.results_order import Filter, Sort, order_of, seconds_of
from tui.widgets.stage import phase_of, sample_of
from tui.widgets.standing import abandoned, interruptions, longest_word, overruled_any

_GAP = 2
_LONGEST_WORD = 14

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class _Column:
    title: str
    width: int
    right: bool
    rank: int
    """Where room is short the column of the greatest rank goes first."""


_SIGN = _Column("", 1, False, 0)
"""The status where there is no room for its name."""


class ResultsTable(Painted):
    """Experiments, the newest at the bottom; it stays in view until the cursor is moved from it.

    Above the first stand the rows from before the journal, where the session took some over. A row
    is known by an index: an experiment's from 0 on, a past row's below 0, the last one's being -1.
    """

    COMPONENT_CLASSES = {"--header", "--cursor", "--found"}

    DEFAULT_CSS = """
    ResultsTable > .--header { color: $text-muted; text-style: bold; }
    ResultsTable > .--cursor { background: $foreground 12%; text-style: bold; }
    ResultsTable:focus > .--cursor { background: $accent 35%; text-style: bold; }
    ResultsTable:ansi > .--cursor, ResultsTable:nocolor > .--cursor {
        background: initial;
        text-style: bold;
    }
    ResultsTable:ansi:focus > .--cursor, ResultsTable:nocolor:focus > .--cursor {
        background: initial;
        text-style: bold reverse;
    }
    ResultsTable:ansi > .--found, ResultsTable:nocolor > .--found {
        background: initial;
        text-style: underline bold;
    }
    ResultsTable > .--found { background: $warning 40%; text-style: bold; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "Up", show=False),
        Binding("down", "cursor(1)", "Down", show=False),
        Binding("pageup", "cursor_page(-1)", "Page up", show=False),
        Binding("pagedown", "cursor_page(1)", "Page down", show=False),
        Binding("home", "cursor_first", "First", show=False),
        Binding("end", "cursor_last", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

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

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._session = Session()
        self._phase: Phase | None = None
        """Of the run that is on."""
        self._counts: Counts | None = None
        self._interruptions = 0
        self._overruled = False
        self._words = 0
        """Cells of the longest status that is a stranger's own word."""
        self._sort = Sort.NUMBER
        self._filter = Filter.ALL
        self._order: Sequence[int] = range(0)
        """The index of each row."""
        self._row = 0
        self._selected: int | None = None
        """The index under the cursor."""
        self._following = True
        self._needle = ""
        self._painted: tuple[object, ...] = ()
        self._columns: list[_Column] = []
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
            self._counts, self._interruptions = session.counts, interruptions(session)
            self._overruled = overruled_any(session)
        if not same_rows:
            self._words = longest_word(session)
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

    def search(self, text: str) -> bool:
        """Go to the next row whose hypothesis, category or commit holds `text`, once around."""
        needle = clean_line(text).lower()
        if needle != self._needle:
            self._needle = needle
            self.refresh()
        if not needle:
            return False
        count = len(self._order)
        for step in range(1, count + 1):
            row = (self._row + step) % count
            if self._matches(self._order[row], needle):
                self._go(row)
                return True
        return False

    def count(self, text: str) -> int:
        """How many of the rows shown `search` would find."""
        needle = clean_line(text).lower()
        return sum(self._matches(index, needle) for index in self._order) if needle else 0

    def _matches(self, index: int, needle: str) -> bool:
        if index < 0:
            return past_matches(self._session.past[index], needle)
        return experiment_matches(self._session.experiments[index], needle)

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
        self._row = min(max(0, row), max(0, count - 1))
        selected = self._order[self._row] if count else None
        size = Size(0, count + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._select(selected)
        self._into_view()

    def _painted_now(self) -> tuple[object, ...]:
        """All that the rows in view are made of."""
        top = int(self.scroll_offset.y)
        rows = self._order[top : top + self.inner.height]
        experiments = [self._session.experiments[index] for index in rows if index >= 0]
        return (
            self._row,
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

    def _row_of(self, index: int | None) -> int:
        if index is None:
            return 0
        if isinstance(self._order, range):
            return index - self._order.start
        try:
            return self._order.index(index)
        except ValueError:
            return min(self._row, len(self._order) - 1)

    # ---- the cursor ------------------------------------------------------------------------------

    def _go(self, row: int) -> None:
        if not self._order:
            return
        row = min(max(0, row), len(self._order) - 1)
        self._following = self._sort is Sort.NUMBER and row == len(self._order) - 1
        if row != self._row:
            self._row = row
            self.refresh()
        self._select(self._order[row])
        self._into_view()

    def _select(self, index: int | None) -> None:
        if index == self._selected:
            return
        self._selected = index
        if (number := self.selected) is not None and self.is_mounted:
            self.post_message(self.Highlighted(number))

    def _into_view(self) -> None:
        room = self.inner.height - 1
        if room < 1 or not self.is_mounted:
            return
        top = int(self.scroll_offset.y)
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, force=True)
        elif self._row >= top + room:
            self.scroll_to(y=self._row - room + 1, animate=False, force=True)

    def on_resize(self, event: events.Resize) -> None:
        self._into_view()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        row = offset.y - 1 + int(self.scroll_offset.y)
        if row < len(self._order):
            self._go(row)
            if event.chain == 2:
                self.action_open()

    def action_cursor(self, step: int) -> None:
        """One row up or down."""
        self._go(self._row + step)

    def action_cursor_page(self, step: int) -> None:
        """One page up or down."""
        self._go(self._row + step * max(1, self.inner.height - 2))

    def action_cursor_first(self) -> None:
        """To the first row."""
        self._go(0)

    def action_cursor_last(self) -> None:
        """To the last row, and follow what comes."""
        self._go(len(self._order) - 1)

    def action_open(self) -> None:
        """Open what is under the cursor."""
        if (number := self.selected) is not None:
            self.post_message(self.Opened(number))
        elif (attempt := self.selected_past) is not None:
            self.post_message(self.OpenedPast(attempt))

    # ---- painting --------------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        self._fit()
        if y == 0:
            header = self.ink("--header")
            return strip_of([(_cell(c.title, c.width, c.right), header) for c in self._columns])
        row = y - 1 + int(self.scroll_offset.y)
        if not self._order:
            return strip_of([(self._empty_note(), self.ink("--dim"))]) if y == 1 else Strip.blank(0)
        if not 0 <= row < len(self._order):
            return Strip.blank(0)
        strip = strip_of(self._row_runs(self._order[row]))
        if row == self._row:
            width = self.inner.width
            cursor = self.ink("--cursor")
            only_background = Style(
                bgcolor=cursor.bgcolor, bold=cursor.bold, reverse=cursor.reverse
            )
            padded = strip.crop_extend(0, width, None)
            return Strip(
                [
                    type(segment)(segment.text, (segment.style or Style()) + only_background)
                    for segment in padded
                ]
            )
        return strip

    def _empty_note(self) -> str:
        if self._filter is not Filter.ALL and (self._session.experiments or self._session.past):
            return f"No experiment is {self._filter.value.removesuffix(' only')}."
        return "No experiment yet."

    def _fit(self) -> None:
        """Choose the columns for the width there is."""
        width = self.inner.width
        name = clean_line(self._session.config.metric)
        session = self._session
        digits = len(str(len(session.experiments)))
        if session.past:
            digits = max(digits, len(str(session.past[-1].row)))
        status = 16 if self._overruled else 13 if self._interruptions else 10
        status = max(status, min(_LONGEST_WORD, self._words))
        key = (width, name, digits, status)
        if key == self._columns_key:
            return
        self._columns_key = key
        columns = [
            _Column("#", max(3, digits + 1), True, 0),
            _Column("commit", 7, False, 5),
            _Column(name[:14], max(9, min(14, cell_len(name))), True, 1),
            _Column("Δ", 11, True, 3),
            _Column("mem", 5, True, 6),
            _Column("status", status, False, 2),
            _Column("category", 12, False, 7),
            _Column("time", 7, True, 4),
            _Column("hypothesis", 0, False, 0),
        ]

        def used() -> int:
            return sum(column.width + _GAP for column in columns)

        for rank in range(7, 0, -1):
            if width - used() >= (12 if rank <= 2 else 24):
                break
            if rank == 2:
                columns = [_SIGN if column.rank == 2 else column for column in columns]
            else:
                columns = [column for column in columns if column.rank != rank]
        self._columns = [
            column
            if column.title != "hypothesis"
            else _Column("hypothesis", max(0, width - used()), False, 0)
            for column in columns
        ]

    def _row_runs(self, index: int) -> list[Run]:
        session = self._session
        runs: list[Run] = []
        for column in self._columns:
            if index < 0:
                text, ink = past_cell(column.title, session.past[index], session)
            else:
                experiment = session.experiments[index]
                text, ink = experiment_cell(column.title, experiment, session, self._phase)
            runs.append((_cell(text, column.width, column.right), self.ink(ink) if ink else None))
        return self._marked(runs) if self._needle else runs

    def _marked(self, runs: list[Run]) -> list[Run]:
        found = self.ink("--found")
        marked: list[Run] = []
        for text, style in runs:
            at = text.lower().find(self._needle)
            if at < 0:
                marked.append((text, style))
                continue
            end = at + len(self._needle)
            marked += [(text[:at], style), (text[at:end], found), (text[end:], style)]
        return marked


def _next(value: Choice) -> Choice:
    members = list(type(value))
    return members[(members.index(value) + 1) % len(members)]


def _cell(text: str, width: int, right: bool) -> str:
    """The text in a column, cut with an ellipsis; the gap to the next column follows."""
    cells = cell_len(text)
    if cells > width:
        text = set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""
    elif right:
        text = " " * (width - cells) + text
    else:
        text = text + " " * (width - cells)
    return text + " " * _GAP
