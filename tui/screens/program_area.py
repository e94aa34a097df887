"""The text area for program.md."""

from __future__ import annotations

from textual.binding import Binding

from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 60_000
"""A longer text is not coloured: at 200 KB, colouring it would take 60 ms at every key."""


class ProgramArea(TypedArea):
    """Edits markdown."""

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

    def show_text(self, text: str) -> None:
        """Replace the whole text and keep the position of the cursor."""
        cursor = self.cursor_location
        self.set_language("markdown" if len(text) <= _COLOURED_CHARACTERS else None)
        self.load_text(text)
        self.move_cursor(cursor)

    def action_to_start(self) -> None:
        """Move the cursor to the start of the text."""
        self.move_cursor((0, 0))

    def action_to_end(self) -> None:
        """Move the cursor to the end of the text."""
        self.move_cursor(self.document.end)
