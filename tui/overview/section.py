"""The base classes of the sections of the overview."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from tui.screens.text_page import TextPage
from tui.shell import Shell, shell_of
from tui.view import View
from tui.widgets.row_list import RowList


class OverviewSection(Vertical):
    """One section of the overview, painted from the newest view while it is visible."""

    DEFAULT_CSS = """
    OverviewSection { display: none; height: 1fr; }
    OverviewSection.-active { display: block; }
    OverviewSection .below {
        height: 1fr; border-top: solid $border-blurred; background: $background;
    }
    OverviewSection .below { border-title-color: $text-muted; }
    OverviewSection .below:focus { border-top: heavy $border; }
    OverviewSection .list { height: 2fr; background: $background; }
    """

    @dataclass
    class Changed(Message):
        """The section shows something else, so that its caption may differ."""

    @property
    def shell(self) -> Shell:
        """Return the app, as far as sections may use it."""
        return shell_of(self.app)

    def show(self, view: View) -> None:
        """Paint the newest view."""
        raise NotImplementedError

    def front(self) -> Widget:
        """Return the widget that gets the focus."""
        raise NotImplementedError

    def caption(self) -> str:
        """Return one line about what the section shows, and how much of it."""
        raise NotImplementedError

    @property
    def experiment(self) -> int:
        """Return the number of the experiment under the cursor; 0 if there is none."""
        return 0

    def cycle_filter(self) -> bool:
        """Switch to the next filter, and return whether the section has any."""
        return False

    def count(self, text: str) -> int:
        """Return the number of matches of a text."""
        raise NotImplementedError

    def search(self, text: str, *, forward: bool) -> bool:
        """Go to the next or previous match of a text, and return whether there is one."""
        raise NotImplementedError

    def copied(self) -> tuple[str, str]:
        """Return the title and the text that the copy key copies."""
        raise NotImplementedError


class ListSection(OverviewSection):
    """A section with a list of rows, and below it details of the row under the cursor.

    Args:
        rows: The list.
        id: The section's id as a widget.
    """

    def __init__(self, rows: RowList, *, id: str) -> None:
        super().__init__(id=id)
        self._rows = rows

    def front(self) -> Widget:
        return self._rows

    def count(self, text: str) -> int:
        return self._rows.count(text)

    def search(self, text: str, *, forward: bool) -> bool:
        return self._rows.search(text, forward=forward)


class PageSection(OverviewSection):
    """A section with one page of text.

    Args:
        page: The page, which gets the focus.
        id: The section's id as a widget.
    """

    def __init__(self, page: TextPage, *, id: str) -> None:
        super().__init__(id=id)
        self._text_page = page
        page.can_focus = True

    def compose(self) -> ComposeResult:
        yield self._text_page

    def front(self) -> Widget:
        return self._text_page

    def count(self, text: str) -> int:
        return len(self._text_page.rows_with(text))

    def search(self, text: str, *, forward: bool) -> bool:
        return self._text_page.search(text, forward=forward)
