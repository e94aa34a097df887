"""Parses the ANSI colours of a log line: SGR escapes become styles, other escapes are removed."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color
from rich.style import Style

from tui.present.text import clean_line
from tui.widgets.painted import Run

_SGR = re.compile(r"\x1b\[([0-9;:]{0,64})m")
_ATTRIBUTES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def runs_of(line: str) -> list[Run]:
    """Return a log line as clean texts with their styles; blinking and hidden text are plain."""
    if "\x1b" not in line:
        return [(clean_line(line), None)]
    pieces = _SGR.split(line)
    runs: list[Run] = []
    codes = ""
    for index, piece in enumerate(pieces):
        if index % 2:
            # A reset makes the codes before it irrelevant.
            codes = "" if piece in ("", "0") else f"{codes};{piece}"[-256:]
        elif text := clean_line(piece):
            runs.append((text, _style(codes) if codes else None))
    return runs


@lru_cache(maxsize=512)
def _style(codes: str) -> Style | None:
    numbers = [int(code) if code else 0 for code in re.split("[;:]", codes.lstrip(";"))]
    wanted: dict[str, bool] = {}
    colours: dict[str, Color] = {}
    position = 0
    while position < len(numbers):
        code = numbers[position]
        position += 1
        if code == 0:
            wanted.clear()
            colours.clear()
        elif code in _ATTRIBUTES:
            wanted[_ATTRIBUTES[code]] = True
        elif code in _OFF:
            for name in _OFF[code]:
                wanted.pop(name, None)
        elif code in (39, 49):
            colours.pop("color" if code == 39 else "bgcolor", None)
        elif code in (38, 48):
            colour, position = _extended(numbers, position)
            if colour is not None:
                colours["color" if code == 38 else "bgcolor"] = colour
        elif 30 <= code <= 37 or 90 <= code <= 97:
            colours["color"] = Color.from_ansi(code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            colours["bgcolor"] = Color.from_ansi(code - 40 if code < 100 else code - 92)
    if not wanted and not colours:
        return None
    return Style(
        color=colours.get("color"),
        bgcolor=colours.get("bgcolor"),
        bold=wanted.get("bold"),
        dim=wanted.get("dim"),
        italic=wanted.get("italic"),
        underline=wanted.get("underline"),
        reverse=wanted.get("reverse"),
        strike=wanted.get("strike"),
    )


def _extended(numbers: list[int], position: int) -> tuple[Color | None, int]:
    """Parse the colour after SGR code 38 or 48: one of 256, or red, green and blue.

    Args:
        numbers: All numbers of the escape sequence.
        position: The position after the 38 or 48.

    Returns:
        The colour (None if invalid), and the position after it.
    """
    kind = numbers[position] if position < len(numbers) else None
    if kind == 5 and position + 1 < len(numbers):
        return Color.from_ansi(min(numbers[position + 1], 255)), position + 2
    if kind == 2 and position + 3 < len(numbers):
        red, green, blue = (min(value, 255) for value in numbers[position + 1 : position + 4])
        return Color.from_rgb(red, green, blue), position + 4
    return None, len(numbers)
