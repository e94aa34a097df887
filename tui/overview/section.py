"""Provides the base classes of the overview's five sections: with a list, or with a text page."""

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
    """A base class of the overview's sections, each painted from the newest view while visible."""

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
        """Posted when the section shows something else, so that its caption may differ."""

    @property
    def shell(self) -> Shell:
        """Return the app, typed as the `Shell` protocol that sections may use."""
        return shell_of(self.app)

    def show(self, view: View) -> None:
        """Paint the newest view; called while the section is visible. A subclass implements it."""
        raise NotImplementedError

    def front(self) -> Widget:
        """Return the widget that gets the focus when the section is opened."""
        raise NotImplementedError

    def caption(self) -> str:
        """Return one line about what the section shows, and how much of it."""
        raise NotImplementedError

    @property
    def experiment(self) -> int:
        """Return the number of the experiment under the cursor; 0 if there is none."""
        return 0

    def cycle_filter(self) -> bool:
        """Switch to the section's next filter, and return whether the section has any."""
        return False

    def count(self, text: str) -> int:
        """Return the number of rows in which the search finds a text."""
        raise NotImplementedError

    def search(self, text: str, *, forward: bool) -> bool:
        """Go to the next or previous row with a text, and return whether there is one."""
        raise NotImplementedError

    def copied(self) -> tuple[str, str]:
        """Return what the copy key copies: its name for the message (`Diff`), and the text."""
        raise NotImplementedError


class ListSection(OverviewSection):
    """A base class of sections with a list, and below it details of the row under the cursor.

    Args:
        rows: The list, which gets the focus.
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
    """A base class of sections with one page of text.

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
