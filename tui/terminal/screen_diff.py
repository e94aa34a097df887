"""Writes only what differs from what the terminal shows already.

Textual repaints whole widgets: frame, scroll bar and every line, each piece with its colours
spelled out. A busy session at 120×40 costs 37 KB/s so, of which the terminal needs 3. Over a slow
line that is the difference between a key that answers and one that waits.
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
_WRITTEN_GAP = 4
"""So many unchanged cells are rather written again than jumped over."""


@lru_cache(4096)
def _is_narrow(character: str) -> bool:
    return cell_len(character) == 1


class ScreenDiff:
    """Remembers the screen cell by cell, and turns a repaint into the difference.

    What it does not know for certain it lets through as it is: wide and combining characters are
    written whenever they come, and after anything unexpected the whole screen counts as unknown.
    """

    def __init__(self) -> None:
        self._characters: dict[int, list[str]] = {}
        """Of each row; "" is an unknown cell."""
        self._styles: dict[int, list[str]] = {}
        self._stale = False

    def forget(self) -> None:
        """The terminal may show anything now. May be called from any thread."""
        self._stale = True

    def encode(self, data: str) -> str:
        """The shortest equivalent of `data` that is found with little work.

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
        """The cells of a row, at least `width` of them."""
        characters = self._characters.setdefault(number, [])
        styles = self._styles.setdefault(number, [])
        if (missing := width - len(characters)) > 0:
            characters.extend([""] * missing)
            styles.extend([""] * missing)
        return characters, styles


class _Frame:
    """One write on its way: where Textual's pen is, and where the terminal's."""

    def __init__(self, screen: ScreenDiff) -> None:
        self.out: list[str] = []
        self._screen = screen
        self._row: int | None = None
        self._column = 0
        self._style = ""
        self._real: tuple[int, int] | None = None
        self._real_style = ""

    def move(self, row: int, column: int) -> None:
        """Textual's pen goes elsewhere."""
        self._row, self._column = row, column

    def end_row(self) -> None:
        """Textual ends a row; what follows is placed anew."""
        self._row = None

    def set_style(self, codes: str) -> None:
        """Textual's pen changes its look."""
        if codes in ("", "0"):
            self._style = ""
        else:
            self._style = f"{self._style};{codes}" if self._style else codes

    def text(self, text: str) -> None:
        """Textual writes; the cells that differ are written in fact."""
        if self._row is None:
            # Not placed by this write: nothing is known about where it goes.
            self._dress_really()
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
                self._go(self._row, column, characters, styles)
                self._dress_really()
                self.out.append(character)
                characters[column] = character
                styles[column] = style
                self._real = (self._row, column + 1)
        self._column = start + len(text)

    def _write_wide(self, row: int, text: str) -> None:
        width = cell_len(text)
        characters, styles = self._screen.row(row, self._column + width)
        self._go(row, self._column, characters, styles)
        self._dress_really()
        self.out.append(text)
        for column in range(self._column, self._column + width):
            characters[column] = ""
        self._column += width
        # Terminals disagree about such widths, so where the pen is now nobody knows.
        self._real = None

    def _go(self, row: int, column: int, characters: list[str], styles: list[str]) -> None:
        """Bring the terminal's pen to a cell, the cheapest way."""
        if self._real == (row, column):
            return
        if self._real is not None and self._real[0] == row and self._real[1] < column:
            at = self._real[1]
            between = characters[at:column]
            if len(between) <= _WRITTEN_GAP and all(
                character and styles[at + i] == self._real_style
                for i, character in enumerate(between)
            ):
                self.out.extend(between)
            else:
                self.out.append(f"\x1b[{column - at}C")
        else:
            self.out.append(f"\x1b[{row + 1};{column + 1}H")
        self._real = (row, column)

    def _dress_really(self) -> None:
        if self._style != self._real_style:
            self.out.append(f"\x1b[0;{self._style}m" if self._style else "\x1b[0m")
            self._real_style = self._style

    def finish(self) -> str:
        """The whole write; the pen lies where Textual left it, undressed."""
        if self._row is not None and self._real != (self._row, self._column):
            self.out.append(f"\x1b[{self._row + 1};{self._column + 1}H")
        if self._real_style:
            self.out.append("\x1b[0m")
        return "".join(self.out)
