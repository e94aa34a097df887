"""Lays untrusted text out as lines of the screen; `engine.core.text` sanitizes it."""

from __future__ import annotations

from engine.core.text import sanitize

_TAB_CELLS = 4


def clean_line(text: str) -> str:
    """Return sanitized text as one line: line breaks become spaces, tabs four cells."""
    text = sanitize(text, line_break=" ")
    return text.expandtabs(_TAB_CELLS) if "\t" in text else text
