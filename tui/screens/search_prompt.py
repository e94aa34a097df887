"""Provides the line above the footer in which the user types a text to search for."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events, on
from textual.message import Message
from textual.widgets import Input

SEARCH_KEYS = "enter search   esc back"


class SearchPrompt(Input):
    """An input line for a search, hidden until `ask` opens it; enter searches, esc closes it."""

    DEFAULT_CSS = """
    SearchPrompt, SearchPrompt:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $panel;
        &.-open { display: block; }
    }
    """

    @dataclass
    class Typed(Message):
        """Posted when the typed text changes; `text` is None once the line is closed."""

        text: str | None

    @dataclass
    class SearchRequested(Message):
        """Posted when the user presses enter to search for `text`."""

        text: str

    @dataclass
    class Left(Message):
        """Posted when the user closes the line with esc, without searching."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, select_on_focus=True)

    def ask(self, title: str) -> None:
        """Open the line and give it the focus.

        Args:
            title: The name of the searched part, shown while nothing is typed.
        """
        self.placeholder = f"search in {title}"
        self.add_class("-open")
        self.focus()
        self.post_message(self.Typed(self.value))

    def _close(self) -> None:
        if self.has_class("-open"):
            self.remove_class("-open")
            self.post_message(self.Typed(None))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-open"):
            self.post_message(self.Typed(self.value))

    def on_blur(self) -> None:
        """Close the search line if another widget gets the focus, not if the terminal loses it."""
        if self.app.app_focus:
            self._close()

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self._close()
        self.post_message(self.SearchRequested(self.value))

    def on_key(self, event: events.Key) -> None:
        """Close the line on esc without searching; every other key is typed."""
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self._close()
            self.post_message(self.Left())
