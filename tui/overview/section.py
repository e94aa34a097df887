"""What the sections of the whole session have in common."""

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
    """One view of the whole session, painted from the newest view while it is seen."""

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
        """It shows something else now."""

    @property
    def shell(self) -> Shell:
        """The app, as far as sections may use it."""
        return shell_of(self.app)

    def show(self, view: View) -> None:
        """Bring what is seen up to date."""
        raise NotImplementedError

    def front(self) -> Widget:
        """What has the keys."""
        raise NotImplementedError

    def caption(self) -> str:
        """What it shows, and how much of it."""
        raise NotImplementedError

    @property
    def experiment(self) -> int:
        """The experiment under the cursor; 0: none."""
        return 0

    def cycle_filter(self) -> bool:
        """Show other rows; whether there is anything to choose."""
        return False

    def count(self, text: str) -> int:
        """How many places hold a text."""
        raise NotImplementedError

    def search(self, text: str, *, forward: bool) -> bool:
        """Go to the next place that holds a text; whether there is one."""
        raise NotImplementedError

    def copied(self) -> tuple[str, str]:
        """What is copied, as a word and the text."""
        raise NotImplementedError


class ListSection(OverviewSection):
    """A view that is a list of rows, and below it more of the one under the cursor.

    Args:
        rows: The list.
        id: Of the section.
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
    """A view that is one page of text.

    Args:
        page: The page; it has the keys.
        id: Of the section.
    """

    def __init__(self, page: TextPage, *, id: str) -> None:
        super().__init__(id=id)
        self._sheet = page
        page.can_focus = True

    def compose(self) -> ComposeResult:
        yield self._sheet

    def front(self) -> Widget:
        return self._sheet

    def count(self, text: str) -> int:
        return len(self._sheet.rows_with(text))

    def search(self, text: str, *, forward: bool) -> bool:
        return self._sheet.search(text, forward=forward)
