"""Writes new knob values as literals in the style of the old ones, such as `2**19` or `true`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from engine.core.patches.knobs import Knob, Scalar


def rewrite(knob: Knob, values: Mapping[int, Scalar]) -> str:
    """Return a knob's literal with the parts at the given indexes set to new values."""
    text = knob.literal
    for index in sorted(values, reverse=True):
        part = knob.parts[index]
        end = part.start + len(part.literal)
        text = text[: part.start] + write_value(values[index], part.literal) + text[end:]
    return text


def write_value(value: Scalar, like: str) -> str:
    """Return a scalar as a literal, in the style and language of the literal `like`."""
    if isinstance(value, str):
        quote = like[-1:]
        if re.fullmatch(r"\w+", quote):
            return value  # a word without quotes, as in YAML
        plain = like[:1] == quote and quote in ("'", '"') and re.fullmatch(r"[\w .+-]*", value)
        return f"{quote}{value}{quote}" if plain else repr(value)
    if isinstance(value, bool):
        return repr(value).lower() if like in ("true", "false") else repr(value)
    if isinstance(value, int):
        if (match := re.fullmatch(r"(2\s*\*\*\s*|1\s*<<\s*)\d+", like)) and value > 0:
            return f"{match[1]}{value.bit_length() - 1}" if value & (value - 1) == 0 else str(value)
        if match := re.fullmatch(r"\d+(\s*\*\s*(\d+))", like):
            factor, rest = divmod(value, int(match[2]) or 1)
            return f"{factor}{match[1]}" if rest == 0 and factor > 0 else str(value)
        return f"{value:_}" if "_" in like else str(value)
    if not math.isfinite(value):
        return f"{'-' if value < 0 else ''}1e999"
    number = Decimal(repr(value))
    if match := re.fullmatch(r"-?[\d.]+([eE])([+-]?)(0?)\d+", like):
        power = number.adjusted() if value else 0
        head = format(number.scaleb(-power).normalize(), "f")
        sign = "-" if power < 0 else ("+" if match[2] == "+" else "")
        return f"{head}{match[1]}{sign}{match[3] if abs(power) < 10 else ''}{abs(power)}"
    if value and not -6 < number.adjusted() < 12:
        # Without a point, it is a text for many readers of YAML.
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    text = format(number.normalize(), "f")
    text = text if "." in text else f"{text}.0"
    return text[1:] if like.startswith(".") and text.startswith("0.") else text
