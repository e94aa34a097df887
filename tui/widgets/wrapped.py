"""Wraps text into lines that fit a width."""

from __future__ import annotations

from textual.content import Content

_TAB_CELLS = 4


def wrapped(text: str, width: int) -> list[str]:
    """Wrap sanitized text into lines of at most `width` cells, at spaces where there are any."""
    lines = Content(text.expandtabs(_TAB_CELLS)).wrap(max(1, width))
    return [line.plain.rstrip() for line in lines]
