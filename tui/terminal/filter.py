"""Filters everything that is painted: removes control characters and links."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from engine.core.text import sanitize


@lru_cache(1024)
def _without_link(style: Style) -> Style:
    return style.update_link(None)


def _safe(text: str) -> str:
    return sanitize(text, line_break="").replace("\t", "")


class ControlFilter(LineFilter):
    """A Textual line filter that removes escapes, other control characters and links from segments.

    Stock widgets pass a raw ESC on to the terminal (title change, clipboard write and clear screen
    were all executed); this covers all of them at once, and mistakes of this project's own widgets.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without control characters and links; `segments` if it has none."""
        for segment in segments:
            if segment.text != _safe(segment.text) or (segment.style and segment.style.link):
                return [_cleaned(each) for each in segments]
        return segments


def _cleaned(segment: Segment) -> Segment:
    text, style, control = segment
    if style is not None and style.link:
        style = _without_link(style)
    return Segment(_safe(text), style, control)
