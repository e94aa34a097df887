"""Provides the text area in which the user edits program.md."""

from __future__ import annotations

from textual.binding import Binding

from engine.core.text import mark_invisible, unmark_invisible
from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 60_000
"""The longest text that is coloured; at 200 KB, colouring would take 60 ms after each key."""


class ProgramArea(TypedArea):
    """A text area for markdown, coloured, with line numbers and marks for invisible characters."""

    TOKEN_STYLES = {
        "heading": ("accent", "bold"),
        "heading.marker": ("accent", "bold"),
        "list.marker": ("primary", "bold"),
        "text.literal": ("success", ""),
        "punctuation.delimiter": ("text-muted", ""),
        "punctuation.special": ("text-muted", ""),
        "link.uri": ("primary", ""),
        "link.label": ("primary", ""),
    }
    BINDINGS = [
        Binding("ctrl+home", "to_start", "Start", show=False),
        Binding("ctrl+end", "to_end", "End", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=True, show_line_numbers=True, tab_behavior="indent")

    @property
    def text(self) -> str:
        """The whole text, as it is saved."""
        return unmark_invisible(self.document.text)

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(value)

    def _set_document(self, text: str, language: str | None) -> None:
        """Replace the document by another, with invisible characters as marks that can be seen."""
        super()._set_document(mark_invisible(text), language)

    def show_text(self, text: str) -> None:
        """Replace the whole text by another, keeping the cursor's row and column."""
        cursor = self.cursor_location
        self.set_language("markdown" if len(text) <= _COLOURED_CHARACTERS else None)
        self.load_text(text)
        self.move_cursor(cursor)

    def action_to_start(self) -> None:
        """Move the cursor to the start of the whole text."""
        self.move_cursor((0, 0))

    def action_to_end(self) -> None:
        """Move the cursor to the end of the whole text."""
        self.move_cursor(self.document.end)
