"""Parses guardrails: limits of a run's figures beside the metric, which a keep may not break.

A guardrail such as `peak_vram_mb <= 39000` limits a figure; one such as `tokens_per_second >=
0.95x` limits it by a multiple of the best experiment's so far.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import NamedTuple

_EXAMPLES = "peak_vram_mb <= 39000, or tokens_per_second >= 0.95x (x: the best so far's)"
_GUARDRAIL = re.compile(
    r"\s*([A-Za-z][\w./ -]{0,63}?)\s*(<=|>=|<|>|≤|≥)\s*"
    r"([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([x×]?)\s*"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class Guardrail(NamedTuple):
    """A limit of one figure of a run."""

    figure: str
    """The name of the figure, as the run prints it."""
    sign: str
    """How the figure must compare with the limit: `<=`, `>=`, `<` or `>`."""
    limit: float
    of_best: bool
    """True where the limit is a multiple of the best experiment's figure."""

    def is_met(self, value: float, limit: float) -> bool:
        """Return whether a figure of that value keeps within the limit."""
        return _COMPARE[self.sign](value, limit)

    @property
    def text(self) -> str:
        """The guardrail as text, such as `peak_vram_mb <= 39000`."""
        return f"{self.figure} {self.sign} {self.limit:.12g}{'x' if self.of_best else ''}"


def parse_guardrail(text: str) -> Guardrail:
    """Parse a guardrail.

    Raises:
        ValueError: The text is not one.
    """
    found = _GUARDRAIL.fullmatch(text)
    if found is None or not math.isfinite(float(found[3])):
        raise ValueError(text)
    sign = {"≤": "<=", "≥": ">="}.get(found[2], found[2])
    return Guardrail(found[1], sign, float(found[3]), bool(found[4]))


def guardrails_mismatch(texts: tuple[str, ...]) -> str:
    """Return what is expected instead of the first invalid guardrail, or "" where all are valid."""
    for text in texts:
        try:
            parse_guardrail(text)
        except ValueError:
            return f"a figure of the run's summary with its limit, such as {_EXAMPLES}"
    return ""
