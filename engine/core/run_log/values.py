"""Parses numbers as training scripts print them: units, thousands, `tensor(…)`, decimal commas."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_OPENING = re.compile(
    r"\s*(?:(?:[a-z]+\.)?(?:tensor|Tensor|[Aa]rray|DeviceArray|EagerTensor|Decimal|scalar"
    r"|(?:float|bfloat|int|uint)\d*_?|double)\(|<tf\.Tensor:[^<>]{0,80}numpy=|[\[(\"'`*~≈$€])\s*"
)
_SIMPLE = re.compile(r"\s*([+\-]?\d+\.\d+)(?=\s*(?:$|[|;})\]])|\s+[A-Za-z_]\w*[:=])")
_SPECIAL = re.compile(r"([+\-−]?)(nan|inf(?:inity)?)(?![A-Za-z_])", re.I)
_GROUPED = r"(?!0)\d{1,3}"
_MANTISSA = re.compile(
    rf"(?P<us>{_GROUPED}(?:,\d{{3}})+(?:\.\d+)?(?!\d))"
    rf"|(?P<eu>{_GROUPED}(?:\.\d{{3}})+,\d+|{_GROUPED}(?:\.\d{{3}}){{2,}}(?![\d.,]))"
    rf"|(?P<thin>{_GROUPED}(?:['’\u00a0\u202f\u2009]\d{{3}})+(?:[.,]\d+)?(?!\d))"
    rf"|(?P<blank>{_GROUPED}(?: \d{{3}})+(?:[.,]\d+)?(?=\s*(?:$|[|│┃,;)\]%])|\s+[A-Za-z]+\s*$))"
    r"|(?P<plain>(?>\d[\d_]*(?:\.\d*)?|\.\d+))(?!,\d)"
    r"|(?P<comma>\d+,\d+)"
    r"|(?P<listed>\d+(?:\.\d*)?|\.\d+)"
)
_EXPONENT = re.compile(r"[eE]([+\-−]?\d{1,4})(?![\w])|\s?[×x*·]\s?10(?:\^|\*\*)([+\-−]?\d{1,4})")
_SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_SCALE = re.compile(r"([kKMG])(?![\w/])")
_UNIT = re.compile(
    r"\s?(%|percent\b|pct\b)|[A-Za-zµ°][A-Za-z/²³_]*(?!\w)"
    r"|\s(?:[mnuµ]?s|secs?|seconds?|min|minutes?|h|hours?|bits?|nats?|bp[bc]|dB|[kKMG]i?B|MB/s|GB/s"
    r"|x|tok|tokens?|it|samples?)(?:/(?:s|sec|step|token|it))?(?![\w/:=])"
)
_SECONDS = {"ps": 1e-12, "ns": 1e-9, "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_TIME = r"(\d+(?:\.\d+)?) ([pnmuµμ]?s)"
_INTERVAL = re.compile(rf"\s*\[{_TIME} {_TIME} {_TIME}\]")
"""Matches the lower bound, estimate and upper bound of a time, as criterion prints them."""
_FRACTION = re.compile(r"\s?/\s?(\d[\d,_]*)(?![\d.\w/:])")
_FURTHER = r"[+\-−]?\.?\d"
_LIST = re.compile(rf"\s*,\s*{_FURTHER}|\s+{_FURTHER}")
_CHANGE = re.compile(rf"\s*(?:-+>|→|=>|\.\.\.?|…|\bto\b)\s*{_FURTHER}")
_GLUED = re.compile(r"(?:[:\-.,]|[A-Za-z_]*)\d[\w:.,\-]*")


@dataclass(frozen=True, slots=True)
class PrintedValue:
    """A number that was parsed from a text."""

    number: float
    printed: str
    """The number with its unit, as printed."""
    end: int
    """Index in the text just behind the number and its unit."""
    percent: bool = False
    note: str = ""
    """How the number was read, where its notation is not the usual one; empty otherwise."""


def read_value(text: str, start: int = 0, *, decimal_comma: bool = False) -> PrintedValue | str:
    """Parse the number at a position of a text.

    Args:
        text: The text, which may go on after the number.
        start: Index in the text where the number, or blanks before it, begin.
        decimal_comma: Whether `1,234` is 1.234; else it is 1234.

    Returns:
        The number, or a sentence that says why there is none.
    """
    simple = _SIMPLE.match(text, start)
    if simple is not None:
        return PrintedValue(float(simple[1]), simple[1], simple.end())
    interval = _INTERVAL.match(text, start)
    if interval is not None:
        seconds = float(interval[3]) * _SECONDS[interval[4]]
        return PrintedValue(
            seconds, interval[0].strip(), interval.end(), note="the estimate, in seconds"
        )
    at, opened = start, ""
    for _ in range(5):
        opening = _OPENING.match(text, at)
        if opening is None:
            break
        opened += opening[0].strip()[-1:]
        at = opening.end()
    while at < len(text) and text[at].isspace():
        at += 1
    special = _SPECIAL.match(text, at)
    if special is not None:
        sign = -1.0 if special[1] in ("-", "−") else 1.0
        number = math.nan if special[2].lower() == "nan" else sign * math.inf
        return PrintedValue(number, special[0], special.end())
    sign = -1.0 if text[at : at + 1] in ("-", "−") else 1.0
    first = at + (text[at : at + 1] in ("-", "−", "+"))
    match = _MANTISSA.match(text, first)
    if match is None:
        shown = text[start : start + 30].strip()
        return f"`{shown}` is not a number" if shown else "no number follows"
    return _finish(text, at, sign, match, opened, decimal_comma)


def _finish(
    text: str, at: int, sign: float, match: re.Match[str], opened: str, decimal_comma: bool
) -> PrintedValue | str:
    kind, digits = str(match.lastgroup), match[0]
    end, note = match.end(), ""
    if kind == "us" and decimal_comma and digits.count(",") == 1 and "." not in digits:
        kind = "comma"
    if kind == "comma":
        number, note = float(digits.replace(",", ".")), "a decimal comma"
    elif kind == "eu":
        number, note = float(digits.replace(".", "").replace(",", ".")), "a decimal comma"
    elif kind in ("thin", "blank"):
        number = float(re.sub(r"['’\s]", "", digits).replace(",", "."))
        note = "groups of three digits"
    else:
        number = float(digits.replace(",", "").replace("_", ""))
    exponent = _EXPONENT.match(text, end)
    if exponent is not None:
        power = int((exponent[1] or exponent[2]).replace("−", "-"))
        number = _scaled(digits if kind in ("plain", "listed") else repr(number), power)
        end = exponent.end()
    number *= sign
    glued = _GLUED.match(text, end)
    if glued is not None:
        return f"`{text[at : glued.end()]}` is not a number but a time, a date, a code or a list"
    if _CHANGE.match(text, end):
        return f"`{text[at : end + 16].strip()}` is a change, not a value"
    if ("[" in opened or opened.endswith("(")) and _LIST.match(text, end):
        return "it is a list of numbers"
    fraction = _FRACTION.match(text, end)
    if fraction is not None:
        return _ratio(text, at, number, fraction)
    scale = _SCALE.match(text, end)
    if scale is not None:
        end = scale.end()
        return PrintedValue(number * _SCALES[scale[1]], text[at:end], end, note=scale[1])
    unit = _UNIT.match(text, end)
    if unit is not None:
        end = unit.end()
    percent = unit is not None and unit[1] is not None
    return PrintedValue(number, text[at:end], end, percent=percent, note=note)


def _scaled(digits: str, power: int) -> float:
    return float(f"{digits.replace('_', '')}e{power}")


def _ratio(text: str, at: int, number: float, fraction: re.Match[str]) -> PrintedValue | str:
    whole = float(re.sub("[,_]", "", fraction[1]))
    printed = text[at : fraction.end()]
    if whole <= 0 or not 0 <= number <= whole:
        return f"`{printed}` is not a number"
    return PrintedValue(number / whole, printed, fraction.end(), note=f"{printed} as a ratio")


def parse_number(text: str) -> float | None:
    """Parse the number at the start of a value (`1,234.5`, `-3e-4`); None if there is none."""
    value = read_value(text)
    return None if isinstance(value, str) else value.number
