"""Rows with a cursor, of which only those that are seen are ever made."""

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
    """A text in a column, cut with an ellipsis; the gap to the next one follows. It must be clean
    already.
    """
    cells = cell_len(text)
    if cells > width:
        text = set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""
    else:
        text = " " * (width - cells) + text if right else text + " " * (width - cells)
    return text + " " * gap


class RowList(Painted):
    """A list to go through; what a row says is the subclass's matter."""

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
        """Another row is under the cursor."""

        list: RowList

    @dataclass
    class Chosen(Message):
        """The person wants the row under the cursor opened."""

        list: RowList

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._at = 0
        self._rows = 0
        self.needle = ""
        """What is sought, in lower case; marked where it is seen."""

    # ---- what a subclass says --------------------------------------------------------------------

    def header(self, width: int) -> str:
        """The line above the rows; "" for none."""
        return ""

    def empty(self) -> str:
        """What stands where there is no row."""
        return "Nothing yet."

    def row(self, index: int, width: int) -> list[Run]:
        """A row's text in runs, clean."""
        raise NotImplementedError

    def matches(self, index: int, needle: str) -> bool:
        """Whether a row holds a text in lower case."""
        raise NotImplementedError

    # ---- the rows --------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The row under the cursor; 0 where there is none."""
        return self._at

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._rows

    def set_rows(self, count: int, at: int | None = None) -> None:
        """There are so many rows now. What the old ones say is painted anew only where the caller
        has it refreshed.

        Args:
            count: Of rows.
            at: Where the cursor goes; None: it stays, and at the end it stays at the end.
        """
        last = self._rows == 0 or self._at == self._rows - 1
        if count != self._rows:
            self._rows = count
            self.refresh()
        size = Size(0, count + self._top)
        if size != self.virtual_size:
            self.virtual_size = size
        self._go((count - 1 if last else self._at) if at is None else at, told=at is not None)

    @property
    def _top(self) -> int:
        """Rows of the header."""
        return 1 if self.header(max(1, self.inner.width)) else 0

    def _go(self, row: int, *, told: bool = True) -> None:
        row = max(0, min(row, self._rows - 1))
        moved = row != self._at
        self._at = row
        self._into_view()
        if moved:
            self.refresh()
        if moved or told:
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
        """The row under the pointer; twice opens it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._top:
            return
        row = offset.y - self._top + int(self.scroll_offset.y)
        if row < self._rows:
            self._go(row)
            if event.chain == 2:
                self.action_open()

    def action_cursor(self, step: int) -> None:
        """Up or down."""
        self._go(self._at + step)

    def action_page(self, step: int) -> None:
        """One page up or down."""
        self._go(self._at + step * max(1, self.inner.height - self._top - 1))

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self._rows:
            self.post_message(self.Chosen(self))

    def search(self, text: str, *, forward: bool = True) -> bool:
        """Go to the next row that holds a text, once around; whether there is one."""
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
        """How many rows hold a text."""
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
