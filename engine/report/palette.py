"""Defines the colours of pictures, distinct for every kind of colour vision.

After Okabe and Ito (2008).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.report.plot import Shape


class Palette(NamedTuple):
    """The colours of one picture, as `#rrggbb`."""

    paper: str
    text: str
    quiet: str
    line: str
    rule: str
    """Colour of the grid lines and the axis."""
    keep: str
    discard: str
    crash: str
    other: str
    again: str

    def of(self, shape: Shape) -> str:
        """Return the colour of the marks of a shape, such as that of kept experiments."""
        return {
            Shape.KEEP: self.keep,
            Shape.DISCARD: self.discard,
            Shape.CRASH: self.crash,
            Shape.OTHER: self.other,
            Shape.AGAIN: self.again,
        }[shape]


LIGHT = Palette(
    paper="#ffffff",
    text="#1d2430",
    quiet="#667080",
    line="#0b4a78",
    rule="#e6e9ee",
    keep="#0072b2",
    discard="#9aa3b0",
    crash="#d55e00",
    other="#b0588c",
    again="#b8860b",
)
DARK = Palette(
    paper="#10141b",
    text="#eef1f5",
    quiet="#97a1b0",
    line="#8ccaf0",
    rule="#232a35",
    keep="#56b4e9",
    discard="#667080",
    crash="#ee7733",
    other="#cc79a7",
    again="#e0b64a",
)
