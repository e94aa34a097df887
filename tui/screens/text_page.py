"""Provides a widget that shows lines of text to scroll through and search."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip

from engine.core.text import sanitize
from tui.present.lines import TextLine
from tui.widgets.painted import Sheet, strip_of
from tui.widgets.wrapped import wrapped


class TextPage(Sheet):
    """A page of styled text lines, which it sanitizes and wraps at its width."""

    COMPONENT_CLASSES = {"--found"}
    DEFAULT_CSS = """
    TextPage > .--found { background: $warning 50%; text-style: bold; }
    TextPage:ansi > .--found, TextPage:nocolor > .--found {
        background: initial;
        text-style: bold underline;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[TextLine, ...] = ()
        self._needle = ""
        self._found = -1
        """The painted row of the current match; -1 if there is none."""

    def set_lines(self, lines: tuple[TextLine, ...]) -> None:
        """Show these lines in place of those before; equal lines change nothing."""
        if lines == self._lines:
            return
        self._lines = lines
        self.repaint()

    def rows_at(self, width: int) -> int:
        """Return the number of rows that the lines take when wrapped at a width in cells."""
        return sum(
            len(wrapped(part, width) or [""])
            for text, _ in self._lines
            for part in (sanitize(text).split("\n") if text else [""])
        )

    def paint(self, width: int) -> list[Strip]:
        return [
            strip_of(self.runs([(row, style)]))
            for text, style in self._lines
            for part in (sanitize(text).split("\n") if text else [""])
            for row in (wrapped(part, width) or [""])
        ]

    # ---- search ----------------------------------------------------------------------------------

    def text(self) -> str:
        """Return all rows as they are painted, as plain text."""
        return "\n".join(strip.text.rstrip() for strip in self.strips())

    def rows_with(self, text: str) -> list[int]:
        """Return the indices of the painted rows that contain a text, ignoring case; [] for ""."""
        needle = text.lower()
        if not needle:
            return []
        return [row for row, strip in enumerate(self.strips()) if needle in strip.text.lower()]

    def search(self, text: str, *, forward: bool = True) -> bool:
        """Scroll to the next or previous row with a text, around the ends.

        Returns:
            True if a row contains the text.
        """
        if text.lower() != self._needle:
            self._needle, self._found = text.lower(), -1
            self.refresh()
        rows = self.rows_with(text)
        if not rows:
            return False
        here = self._found if self._found >= 0 else int(self.scroll_offset.y) - 1
        if forward:
            self._found = next((row for row in rows if row > here), rows[0])
        else:
            self._found = next((row for row in reversed(rows) if row < here), rows[-1])
        self.scroll_to(y=max(0, self._found - self.inner.height // 3), animate=False, force=True)
        return True

    def line(self, y: int) -> Strip:
        strip = super().line(y)
        text = strip.text
        at = text.lower().find(self._needle) if self._needle else -1
        if at < 0:
            return strip
        start = cell_len(text[:at])
        end = start + cell_len(text[at : at + len(self._needle)])
        found = strip.crop(start, end).apply_style(self.style_of("--found"))
        return Strip.join([strip.crop(0, start), found, strip.crop(end)])
