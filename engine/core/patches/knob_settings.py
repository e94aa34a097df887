"""Parses texts such as `MATRIX_LR=0.05, DEPTH = 8` into knobs with their new values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.core.patches.knobs import is_literal
from engine.core.patches.language import language_of

_CONSTANT = r"[A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*"
_ANY_NAME = r"[A-Za-z_][\w.-]*"


def literal_settings(text: str, files: Sequence[str] = ("train.py",)) -> dict[str, str]:
    """Return the new literal of each knob if a text consists of settings alone, else {}.

    A value that is not a literal makes the result {}.

    Args:
        text: `NAME=value` settings, separated by commas, semicolons, `and` or line ends.
        files: The editable files.
    """
    wanted = parse_settings(text, files)
    return wanted if all(is_any_literal(value) for value in wanted.values()) else {}


def is_any_literal(text: str) -> bool:
    """Return whether a text is a literal of Python, or of YAML, TOML or JSON."""
    return is_literal(text) or text in ("true", "false")


def parse_settings(text: str, files: Sequence[str] = ("train.py",)) -> dict[str, str]:
    """Return the values by name if a text consists of `NAME=value` alone, else {}.

    The values are not checked; see `literal_settings`. Names such as `optimizer.lr` are only taken
    where a file of settings, or several files, can be edited: those of Python have no points.
    """
    constants = len(files) == 1 and not language_of(files[0]).is_data
    name = _CONSTANT if constants else _ANY_NAME
    setting = re.compile(rf"\s*({name})\s*=\s*(.+?)\s*")
    wanted: dict[str, str] = {}
    for part in re.split(rf"[;\n]|\band\b|,(?=\s*(?:{name})\s*=)", text.strip()):
        match = setting.fullmatch(part)
        if match is None:
            return {}
        wanted[match[1]] = match[2]
    return wanted
