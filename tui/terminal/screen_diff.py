"""Shortens what Textual writes to the parts that the terminal does not already show.

Textual repaints whole widgets: frame, scroll bar and every line, each with its colours. A busy
session at 120×40 costs 37 KB/s that way, of which the terminal needs 3; over a slow link the answer
to a key would wait for the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[\d;]*)m"
    r"|(?P<screen>\x1b\[(?:\?1049[hl]|[0-3]?J|\d*[STLM]))"
    r"|(?P<other>\x1b\[[<>?=]?[\d;]*[ $]?[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x07)"
    r"|(?P<line_end>\n)"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
)
_REWRITTEN_CELLS = 4
"""The most unchanged cells that are written again rather than skipped with an escape sequence."""


@lru_cache(4096)
def _is_narrow(character: str) -> bool:
    return cell_len(character) == 1


class ScreenDiff:
    """Stores what the terminal shows, cell by cell, and reduces each write to what changes.

    Whatever is uncertain passes unchanged: wide and combining characters are always written, and
    after an unexpected sequence the whole screen counts as unknown.
    """

    def __init__(self) -> None:
        self._characters: dict[int, list[str]] = {}
        """The characters in the cells of each row, by row from 0; "" is an unknown cell."""
        self._styles: dict[int, list[str]] = {}
        self._stale = False

    def forget(self) -> None:
        """Write the next repaint in full; may be called from any thread."""
        self._stale = True

    def encode(self, data: str) -> str:
        """Return a shorter write with the same effect, and store what the terminal then shows.

        Args:
            data: What Textual writes: whole frames, or settings of the terminal.
        """
        if self._stale:
            self._stale = False
            self._characters.clear()
            self._styles.clear()
        frame = _Frame(self)
        position = 0
        for match in _TOKEN.finditer(data):
            if match.start() != position:
                return self._unknown(data)
            position = match.end()
            kind = match.lastgroup
            if kind == "column":
                frame.move(int(match["row"]) - 1, int(match["column"]) - 1)
            elif kind == "style":
                frame.set_style(match["style"])
            elif kind == "text":
                frame.text(match["text"])
            elif kind == "line_end":
                frame.end_row()
            elif kind == "screen":
                return self._unknown(data)
            else:
                frame.out.append(match[0])
        return frame.finish() if position == len(data) else self._unknown(data)

    def _unknown(self, data: str) -> str:
        self._characters.clear()
        self._styles.clear()
        return data

    def row(self, number: int, width: int) -> tuple[list[str], list[str]]:
        """Return the stored characters and styles of a row, padded with "" to `width` cells.

        The caller changes these lists when it writes to the row.
        """
        characters = self._characters.setdefault(number, [])
        styles = self._styles.setdefault(number, [])
        if (missing := width - len(characters)) > 0:
            characters.extend([""] * missing)
            styles.extend([""] * missing)
        return characters, styles


class _Frame:
    """Shortens one write: tracks Textual's cursor and style, and those of the terminal."""

    def __init__(self, screen: ScreenDiff) -> None:
        self.out: list[str] = []
        self._screen = screen
        self._row: int | None = None
        self._column = 0
        self._style = ""
        self._terminal_cursor: tuple[int, int] | None = None
        self._terminal_style = ""

    def move(self, row: int, column: int) -> None:
        """Set Textual's cursor to a row and column, both from 0; nothing is written yet."""
        self._row, self._column = row, column

    def end_row(self) -> None:
        """Mark Textual's cursor as unknown, after a line break."""
        self._row = None

    def set_style(self, codes: str) -> None:
        """Add SGR codes (`1;31`) to the style of the text that follows; "" and "0" reset it."""
        if codes in ("", "0"):
            self._style = ""
        else:
            self._style = f"{self._style};{codes}" if self._style else codes

    def text(self, text: str) -> None:
        """Write those characters of Textual's text that differ from what the terminal shows."""
        if self._row is None:
            # This write has not moved the cursor, so the place of the text is unknown.
            self._write_style()
            self.out.append(text)
            self._screen.forget()
            return
        if not (text.isascii() or all(map(_is_narrow, text))):
            self._write_wide(self._row, text)
            return
        start, style = self._column, self._style
        characters, styles = self._screen.row(self._row, start + len(text))
        for column, character in enumerate(text, start):
            if characters[column] != character or styles[column] != style:
                self._move_terminal(self._row, column, characters, styles)
                self._write_style()
                self.out.append(character)
                characters[column] = character
                styles[column] = style
                self._terminal_cursor = (self._row, column + 1)
        self._column = start + len(text)

    def _write_wide(self, row: int, text: str) -> None:
        width = cell_len(text)
        characters, styles = self._screen.row(row, self._column + width)
        self._move_terminal(row, self._column, characters, styles)
        self._write_style()
        self.out.append(text)
        for column in range(self._column, self._column + width):
            characters[column] = ""
        self._column += width
        # Terminals disagree about such widths, so the cursor is unknown from here on.
        self._terminal_cursor = None

    def _move_terminal(
        self, row: int, column: int, characters: list[str], styles: list[str]
    ) -> None:
        """Move the terminal's cursor to a cell with as few bytes as possible.

        `characters` and `styles` are the stored ones of the row.
        """
        cursor = self._terminal_cursor
        if cursor == (row, column):
            return
        if cursor is not None and cursor[0] == row and cursor[1] < column:
            at = cursor[1]
            between = characters[at:column]
            if len(between) <= _REWRITTEN_CELLS and all(
                character and styles[at + i] == self._terminal_style
                for i, character in enumerate(between)
            ):
                self.out.extend(between)
            else:
                self.out.append(f"\x1b[{column - at}C")
        else:
            self.out.append(f"\x1b[{row + 1};{column + 1}H")
        self._terminal_cursor = (row, column)

    def _write_style(self) -> None:
        if self._style != self._terminal_style:
            self.out.append(f"\x1b[0;{self._style}m" if self._style else "\x1b[0m")
            self._terminal_style = self._style

    def finish(self) -> str:
        """Return the shortened write, after moving to Textual's cursor and the plain style."""
        if self._row is not None and self._terminal_cursor != (self._row, self._column):
            self.out.append(f"\x1b[{self._row + 1};{self._column + 1}H")
        if self._terminal_style:
            self.out.append("\x1b[0m")
        return "".join(self.out)
