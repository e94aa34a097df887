"""Paints the lines of a log and marks the matches of a search in them."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip

from engine.store.log_file import LINE_BYTES, LogFile
from tui.present.numbers import size
from tui.widgets.ansi_colour import runs_of
from tui.widgets.painted import Painted, Run, strip_of

_CACHED_LINES = 512


class LogLines:
    """Paints single lines of a log with their colours and matches, and caches complete lines.

    Args:
        panel: The panel whose styles are used; it has the classes `--match` and `--here`.
    """

    def __init__(self, panel: Painted) -> None:
        self._panel = panel
        self._cache: dict[tuple[int, int], Strip] = {}
        self.widest = 0
        """Cells of the widest line painted so far."""
        self.needle = ""
        """The text whose matches are marked, in lower case; "" for none."""
        self.hit: int | None = None
        """The line number, from 0, of the match that the search is at; None for none."""

    def forget(self) -> None:
        """Clear the cache, because the styles or the matches have changed."""
        self._cache.clear()

    def strip(self, log: LogFile, row: int) -> Strip:
        """Return one line of the log, painted in its own colours, with the matches marked.

        Args:
            log: The log to read the line from.
            row: The number of the line, from 0.
        """
        finished = row < len(log) - 1
        key = (log.offset(row), int(row == self.hit))
        if finished and (cached := self._cache.get(key)) is not None:
            return cached
        strip = strip_of(self._runs(log, row))
        self.widest = max(self.widest, strip.cell_length)
        if finished:
            if len(self._cache) >= _CACHED_LINES:
                self._cache.clear()
            self._cache[key] = strip
        return strip

    def _runs(self, log: LogFile, row: int) -> list[Run]:
        if dropped := log.dropped(row):
            return self._panel.runs([(f"… {size(dropped)} of output dropped …", "--attention")])
        text = log.text(row)
        runs = runs_of(text)
        if len(text) >= LINE_BYTES // 2 and len(log.raw(row)) >= LINE_BYTES:
            runs += self._panel.runs([(" … the rest of this line is not shown", "--dim")])
        if not self.needle:
            return runs
        style = self._panel.style_of("--here" if row == self.hit else "--match")
        return _marked(runs, self.needle, style)


def _marked(runs: list[Run], needle: str, style: Style) -> list[Run]:
    """Return the texts of a line, with a style added to every match of the needle.

    Args:
        runs: The texts of the line and their styles.
        needle: The text to mark, in lower case.
        style: The style to add.
    """
    shown = "".join(text for text, _ in runs)
    plain = shown.lower()
    if len(plain) != len(shown):  # a few capitals have lower-case forms of two characters
        plain = shown
    if needle not in plain:
        return runs
    marked: list[Run] = []
    at = plain.find(needle)
    position = 0
    for text, own in runs:
        start = 0
        while start < len(text):
            end_of_hit = at + len(needle)
            if at < 0 or position + start < at:
                stop = len(text) if at < 0 else min(len(text), at - position)
                marked.append((text[start:stop], own))
            else:
                stop = min(len(text), end_of_hit - position)
                marked.append((text[start:stop], own + style if own else style))
                if position + stop >= end_of_hit:
                    at = plain.find(needle, end_of_hit)
            start = stop
        position += len(text)
    return marked
