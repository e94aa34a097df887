"""Defines `TextLine`: a text and the name of its style, as the formatting functions return it."""

from __future__ import annotations

TextLine = tuple[str, str]
"""A text of any length, not sanitized yet, and the name of its style.

The name is a Textual component class of the widget, such as `--dim`; "" is the widget's own style.
"""
