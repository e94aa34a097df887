"""The type of a styled line of text, which the text pages of the screen show."""

from __future__ import annotations

TextLine = tuple[str, str]
"""Text of any length, not sanitized yet, and the name of its style; "" is the page's own style."""
