"""Provides the base class of lists with a cursor and a search, painting only visible rows."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.present.text import clean_line
from tui.widgets.painted import Painted, Run, strip_of
from tui.widgets.wrapped import wrapped


def cell(text: str, width: int, *, right: bool = False, gap: int = 1) -> str:
    """Return a text padded or cut to the width of a column, and the gap after it.

    Args:
        text: The text of the cell, sanitized already.
        width: Cells of the column.
        right: True to align the text to the right.
        gap: Blank cells after the column.
    """
    cells = cell_len(text)
    if cells > width:
        text = set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""
    else:
        text = " " * (width - cells) + text if right else text + " " * (width - cells)
    return text + " " * gap


class RowList(Painted):
    """A base class of lists with a cursor, keys and a search.

    A subclass implements `row` and `matches`, and may implement `header` and `empty`.
    """

    COMPONENT_CLASSES = {"--cursor", "--header", "--found"}
    DEFAULT_CSS = """
    RowList > .--cursor { background: $foreground 12%; text-style: bold; }
    RowList:focus > .--cursor { background: $accent 35%; text-style: bold; }
    RowList > .--header { color: $text-muted; text-style: bold; }
    RowList > .--found { background: $warning 40%; text-style: bold; }
    RowList:ansi > .--cursor, RowList:nocolor > .--cursor {
        background: initial;
        text-style: bold;
    }
    RowList:ansi:focus > .--cursor, RowList:nocolor:focus > .--cursor {
        background: initial;
        text-style: bold reverse;
    }
    RowList:ansi > .--found, RowList:nocolor > .--found {
        background: initial;
        text-style: bold underline;
    }
    """
    BINDINGS = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "cursor(-100000000)", "First", show=False),
        Binding("end", "cursor(100000000)", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]
    can_focus = True

    @dataclass
    class Moved(Message):
        """The cursor of `list` has moved to another row, or was set by `set_rows`."""

        list: RowList

    @dataclass
    class Chosen(Message):
        """The user opens the row under the cursor of `list`, with Enter or a double click."""

        list: RowList

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._at = 0
        self._rows = 0
        self.needle = ""
        """The text of the last search, in lower case, whose matches are marked; "" for none."""

    # ---- for subclasses --------------------------------------------------------------------------

    def header(self, width: int) -> str:
        """Return the line painted above the rows, "" for none; a subclass may override it."""
        return ""

    def empty(self) -> str:
        """Return the text painted if there are no rows; a subclass may override it."""
        return "Nothing yet."

    def row(self, index: int, width: int) -> list[Run]:
        """Return the sanitized texts of a row with their styles; implemented by each subclass.

        Args:
            index: The number of the row, from 0.
            width: Cells of the list.
        """
        raise NotImplementedError

    def matches(self, index: int, needle: str) -> bool:
        """Return whether a row contains a text; implemented by each subclass.

        Args:
            index: The number of the row, from 0.
            needle: The text, in lower case.
        """
        raise NotImplementedError

    # ---- the rows --------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The number of the row under the cursor, from 0; 0 if there are no rows."""
        return self._at

    @property
    def rows(self) -> int:
        """The number of rows in the list, without the header."""
        return self._rows

    def set_rows(self, count: int, at: int | None = None) -> None:
        """Set the number of rows. The caller refreshes the list if old rows have changed.

        Args:
            count: The number of rows.
            at: The row to put the cursor on; None to leave it (one on the last row stays last).
        """
        last = self._rows == 0 or self._at == self._rows - 1
        if count != self._rows:
            self._rows = count
            self.refresh()
        size = Size(0, count + self._top)
        if size != self.virtual_size:
            self.virtual_size = size
        self._go((count - 1 if last else self._at) if at is None else at, notify=at is not None)

    @property
    def _top(self) -> int:
        """The number of rows that the header takes: 0 or 1."""
        return 1 if self.header(max(1, self.inner.width)) else 0

    def _go(self, row: int, *, notify: bool = True) -> None:
        row = max(0, min(row, self._rows - 1))
        moved = row != self._at
        self._at = row
        self._into_view()
        if moved:
            self.refresh()
        if moved or notify:
            self.post_message(self.Moved(self))

    def _into_view(self) -> None:
        room = self.inner.height - self._top
        if room < 1 or not self.is_mounted:
            return
        top = int(self.scroll_offset.y)
        if self._at < top:
            self.scroll_to(y=self._at, animate=False, force=True)
        elif self._at >= top + room:
            self.scroll_to(y=self._at - room + 1, animate=False, force=True)

    def on_resize(self, event: events.Resize) -> None:
        self._into_view()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a double click opens it. Called by Textual."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._top:
            return
        row = offset.y - self._top + int(self.scroll_offset.y)
        if row < self._rows:
            self._go(row)
            if event.chain == 2:
                self.action_open()

    def action_cursor(self, step: int) -> None:
        """Move the cursor by `step` rows, down if positive, as far as there are rows."""
        self._go(self._at + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by `step` pages (1 or -1), as far as there are rows."""
        self._go(self._at + step * max(1, self.inner.height - self._top - 1))

    def action_open(self) -> None:
        """Post `Chosen` for the row under the cursor; nothing if there are no rows."""
        if self._rows:
            self.post_message(self.Chosen(self))

    def search(self, text: str, *, forward: bool = True) -> bool:
        """Move the cursor to the next (or previous) row that contains a text, wrapping around.

        Args:
            text: The text, in any case; "" removes the marks.
            forward: False to go to the previous row.

        Returns:
            True if a row contains it.
        """
        needle = clean_line(text).lower()
        if needle != self.needle:
            self.needle = needle
            self.refresh()
        if not needle:
            return False
        for step in range(1, self._rows + 1):
            row = (self._at + (step if forward else -step)) % self._rows
            if self.matches(row, self.needle):
                self._go(row)
                return True
        return False

    def count(self, text: str) -> int:
        """Return the number of rows that contain a text, in any case; 0 for ""."""
        needle = clean_line(text).lower()
        return sum(self.matches(index, needle) for index in range(self._rows)) if needle else 0

    # ---- painting --------------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        width = self.inner.width
        if y < self._top:
            return strip_of([(self.header(width), self.style_of("--header"))])
        if not self._rows:
            rows = wrapped(self.empty(), width)
            y -= self._top
            return strip_of(self.runs((row, "--dim") for row in rows[y : y + 1]))
        row = y - self._top + int(self.scroll_offset.y)
        if not 0 <= row < self._rows:
            return Strip.blank(0)
        strip = strip_of(self._marked(self.row(row, width)))
        return self.under_cursor(strip) if row == self._at else strip

    def _marked(self, runs: list[Run]) -> list[Run]:
        if not self.needle:
            return runs
        found, marked = self.style_of("--found"), list[Run]()
        for text, style in runs:
            at = text.lower().find(self.needle)
            end = at + len(self.needle)
            if at < 0:
                marked.append((text, style))
            else:
                marked += [(text[:at], style), (text[at:end], found), (text[end:], style)]
        return marked
