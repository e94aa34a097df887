"""Parsing of texts such as `MATRIX_LR=0.05, DEPTH = 8`: knobs with their new values."""

from __future__ import annotations

import re

from engine.core.patches.knobs import is_literal

_SETTING = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*(.+?)\s*")


def literal_settings(text: str) -> dict[str, str]:
    """Return the knobs and literal values that a text consists of; {} for any other text.

    Args:
        text: `NAME=value`, separated by commas, semicolons, `and` or line ends.
    """
    wanted = parse_settings(text)
    return wanted if all(is_literal(value) for value in wanted.values()) else {}


def parse_settings(text: str) -> dict[str, str]:
    """Return the `NAME=value` pairs that a text consists of; {} for any other text."""
    wanted: dict[str, str] = {}
    for part in re.split(r"[;\n]|\band\b|,(?=\s*[A-Z][A-Z0-9_]*\s*=)", text.strip()):
        match = _SETTING.fullmatch(part)
        if match is None:
            return {}
        wanted[match[1]] = match[2]
    return wanted
