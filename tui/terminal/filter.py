"""The last gate before the terminal: no text carries a control character through it."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

# C0, DEL, C1; marks that turn the direction of text around, which can make a diff read as another
# one; and lone surrogates, which would kill the thread that writes UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def strip_controls(text: str, keep: str = "") -> str:
    """The text without anything a terminal would obey.

    Args:
        text: Any text.
        keep: Control characters to leave, such as a newline.
    """
    return _UNSAFE.sub(lambda match: match[0] if match[0] in keep else "", text)


@lru_cache(1024)
def _without_link(style: Style) -> Style:
    return style.update_link(None)


class ControlFilter(LineFilter):
    """Takes escapes, other control characters and links out of every segment that is painted.

    Stock widgets pass a raw ESC on to the terminal (title change, clipboard write and clear screen
    were all executed); this cures all of them at once, our own mistakes too.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, cleaned; the same list where there is nothing to clean."""
        for segment in segments:
            if _UNSAFE.search(segment.text) or (segment.style is not None and segment.style.link):
                return [_cleaned(each) for each in segments]
        return segments


def _cleaned(segment: Segment) -> Segment:
    text, style, control = segment
    if style is not None and style.link:
        style = _without_link(style)
    return Segment(_UNSAFE.sub("", text), style, control)
