"""Parses texts such as `MATRIX_LR=0.05, DEPTH = 8` into knobs with their new values."""

from __future__ import annotations

import re

from engine.core.patches.knobs import is_literal

_SETTING = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*(.+?)\s*")


def literal_settings(text: str) -> dict[str, str]:
    """Return the new literal of each knob if a text consists of settings alone, else {}.

    A value that is not a literal makes the result {}.

    Args:
        text: `NAME=value` settings, separated by commas, semicolons, `and` or line ends.
    """
    wanted = parse_settings(text)
    return wanted if all(is_literal(value) for value in wanted.values()) else {}


def parse_settings(text: str) -> dict[str, str]:
    """Return the values by name if a text consists of `NAME=value` alone, else {}.

    The values are not checked; see `literal_settings`.
    """
    wanted: dict[str, str] = {}
    for part in re.split(r"[;\n]|\band\b|,(?=\s*[A-Z][A-Z0-9_]*\s*=)", text.strip()):
        match = _SETTING.fullmatch(part)
        if match is None:
            return {}
        wanted[match[1]] = match[2]
    return wanted
