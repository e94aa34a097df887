"""Cleans untrusted text for display: removes control characters, line breaks and tabs."""

from __future__ import annotations

from engine.core.text import sanitize

_TAB_CELLS = 4


def clean_line(text: str) -> str:
    """Return untrusted text as one line, without control characters; tabs become spaces."""
    text = sanitize(text, line_break=" ")
    return text.expandtabs(_TAB_CELLS) if "\t" in text else text
