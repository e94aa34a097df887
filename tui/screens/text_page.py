"""Lines of text to scroll through."""

from __future__ import annotations

from textual.strip import Strip

from tui.widgets.painted import Sheet, strip_of
from tui.widgets.plain_text import clean, wrapped

Line = tuple[str, str]
"""Text of any length, and the ink it is painted with; "" is the page's own."""


class TextPage(Sheet):
    """Wraps and paints what it is given; the text is cleaned here."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()

    def set_lines(self, lines: tuple[Line, ...]) -> None:
        """Show these; the same ones again change nothing."""
        if lines == self._lines:
            return
        self._lines = lines
        self.repaint()

    def rows_at(self, width: int) -> int:
        """How many rows the lines take at a width."""
        return sum(
            len(wrapped(part, width) or [""])
            for text, _ in self._lines
            for part in (clean(text).split("\n") if text else [""])
        )

    def paint(self, width: int) -> list[Strip]:
        return [
            strip_of([(row, self.ink(ink) if ink else None)])
            for text, ink in self._lines
            for part in (clean(text).split("\n") if text else [""])
            for row in (wrapped(part, width) or [""])
        ]
