"""Turns untrusted text into one line to display: adds tab expansion to `engine.core.text`."""

from __future__ import annotations

from engine.core.text import sanitize

_TAB_CELLS = 4


def clean_line(text: str) -> str:
    """Return text sanitized by `sanitize`, as one line: line breaks and tabs become spaces."""
    text = sanitize(text, line_break=" ")
    return text.expandtabs(_TAB_CELLS) if "\t" in text else text
