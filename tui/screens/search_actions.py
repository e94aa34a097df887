"""Provides the search of a screen: its prompt, its keys, and the message when nothing matches."""

from __future__ import annotations

from textual import on

from tui.screens.action_screen import ActionScreen
from tui.screens.footer import ActionFooter
from tui.screens.search_prompt import SEARCH_KEYS, SearchPrompt
from tui.widgets.log_view import LogView


class SearchActions(ActionScreen[None]):
    """A base class of screens with one searchable part, which a subclass names and searches.

    A subclass composes a `SearchPrompt` and an `ActionFooter`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sought = ""
        """The text that was searched for last; "" before the first search."""

    def search_title(self) -> str:
        """Return the name of the searched part, for the search prompt. A subclass implements it."""
        raise NotImplementedError

    def count_matches(self, text: str) -> int | None:
        """Return the number of matches in the searched part; None where counting is too slow.

        A subclass that can count overrides it.
        """
        return None

    def find(self, text: str, *, forward: bool) -> bool:
        """Go to the next or previous match, and return whether there may be one.

        A subclass implements it.

        Args:
            text: The text to find; "" when the user asks for the next match before any search.
            forward: Go to the next match, not to the previous one.
        """
        raise NotImplementedError

    def focus_searched(self) -> None:
        """Give the focus back from the prompt to the searched part. A subclass implements it."""
        raise NotImplementedError

    def action_search(self) -> None:
        """Open the line in which the user types the text to search for."""
        self.query_one(SearchPrompt).ask(self.search_title())

    def action_search_next(self) -> None:
        """Go to the next match of the last search, or show that there is none."""
        self._search(forward=True)

    def action_search_previous(self) -> None:
        """Go to the previous match of the last search, or show that there is none."""
        self._search(forward=False)

    def _search(self, *, forward: bool) -> None:
        if not self.find(self._sought, forward=forward) and self._sought:
            self.tell(f"Not found: {self._sought}")

    @on(SearchPrompt.Typed)
    def _show_count(self, event: SearchPrompt.Typed) -> None:
        footer = self.query_one(ActionFooter)
        if event.text is None:
            footer.hint("")
            return
        count = self.count_matches(event.text) if event.text else None
        matches = "" if count is None else f"{count:,} match{'' if count == 1 else 'es'}   "
        footer.hint(f"{matches}{SEARCH_KEYS}")

    @on(SearchPrompt.SearchRequested)
    def _begin_search(self, event: SearchPrompt.SearchRequested) -> None:
        self._sought = event.text
        self.focus_searched()
        self._search(forward=True)

    @on(SearchPrompt.Left)
    def _leave_search(self) -> None:
        self.focus_searched()

    @on(LogView.Searched)
    def _finish_log_search(self, event: LogView.Searched) -> None:
        if not event.found:
            self.tell(f"Not found: {event.text}")
