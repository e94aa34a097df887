"""A line of text with its style, as the pages of the screen take it."""

from __future__ import annotations

TextLine = tuple[str, str]
"""Text of any length, not sanitized yet, and the name of its style; "" is the page's own style."""
