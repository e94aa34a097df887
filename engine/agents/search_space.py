"""Finds the adjustable scalars of a file, with their scales and steps: the search space."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from engine.agents.search_literals import rewrite
from engine.core.patches.knob_kinds import knob_word
from engine.core.patches.knobs import Knob, KnobKind, Scalar, find_knobs, set_knobs

Move = tuple[tuple[str, Scalar], ...]
"""A change to try: pairs of axis key and new value for one or two axes, sorted by key."""

_TYPICAL_CONTEXT = 2048
_TINY = 1e-9


@dataclass(frozen=True)
class SearchAxis:
    """One adjustable scalar of the file, with a coordinate for each value it may have.

    Coordinates are on the scalar's own scale, such as logarithmic; 1 apart is one typical step.
    """

    key: str
    """Name of the knob, with an index for an element of a tuple: `DEPTH`, `BETAS[0]`."""
    knob: Knob
    index: int

    @cached_property
    def word(self) -> str:
        """The name of the knob as a constant, by whose words its meaning is guessed."""
        return knob_word(self.knob.name)

    @cached_property
    def kind(self) -> KnobKind:
        """The kind of the knob, which decides its steps."""
        return self.knob.parts[self.index].kind

    @cached_property
    def value(self) -> Scalar:
        """The scalar's current value, in the file at the frontier."""
        return self.knob.parts[self.index].value

    @cached_property
    def near_one(self) -> bool:
        """True for a ratio whose distance from 1 matters, such as a momentum or a beta."""
        return self.kind is KnobKind.RATIO and bool(
            re.search(r"BETA|MOMENTUM|EMA|DECAY", self.word)
        )

    @cached_property
    def by_factor(self) -> bool:
        """True for an integer large enough to be scaled by factors."""
        return isinstance(self.value, int) and self.value >= 16

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value allowed, from kind, name and a comment such as "at most 5"."""
        low, high = -math.inf, math.inf
        match self.kind:
            case KnobKind.RATIO:
                low, high = 0.0, 0.9 if re.search(r"DROPOUT|PROB", self.word) else 1.0
            case KnobKind.INTEGER:
                low = 0.0 if self.value == 0 else 1.0
            case KnobKind.POWER_OF_TWO:
                low = 1.0
            case _:
                pass
        if match := re.search(r"\bat most (\d+\.?\d*)", self.knob.comment):
            high = min(high, float(match[1]))
        if match := re.search(r"\bat least (\d+\.?\d*)", self.knob.comment):
            low = max(low, float(match[1]))
        return low, high

    def coordinate(self, value: Scalar) -> float:
        """Return the coordinate of a value on this axis, in typical steps; 0 for text values."""
        if isinstance(value, str | bool):
            return 0.0
        if value not in self._places:
            self._places[value] = self._coordinate(value)
        return self._places[value]

    @cached_property
    def _places(self) -> dict[int | float, float]:
        return {}

    def _coordinate(self, value: int | float) -> float:
        size = abs(value)
        match self.kind:
            case KnobKind.LOG:
                blur = 0.03 if self.value == 0 else _TINY
                return math.log((size + blur) / blur if self.value == 0 else size + blur, 1.5)
            case KnobKind.POWER_OF_TWO:
                return math.log2(max(size, 1))
            case KnobKind.RATIO if self.near_one:
                return -math.log2(max(1.0 - value, 1e-6))
            case KnobKind.RATIO:
                return 10.0 * value
            case KnobKind.INTEGER if self.by_factor:
                return math.log(max(size, 1), 1.25)
            case _:
                return float(value)

    def at(self, coordinate: float) -> Scalar:
        """Return the value at a coordinate, rounded and within the axis's bounds."""
        value: float
        match self.kind:
            case KnobKind.LOG if self.value == 0:
                value = _round(0.03 * (1.5 ** max(coordinate, 0.0) - 1.0))
            case KnobKind.LOG:
                value = math.copysign(_round(1.5**coordinate), float(self.value))
            case KnobKind.POWER_OF_TWO:
                value = 2.0 ** max(round(coordinate), 0)
            case KnobKind.RATIO if self.near_one:
                value = round(1.0 - _round(2.0**-coordinate), 8)
            case KnobKind.RATIO:
                value = round(coordinate / 10.0, 2)
            case KnobKind.INTEGER if self.by_factor:
                value = self._multiple(1.25**coordinate)
            case _:
                value = round(coordinate)
        low, high = self.bounds
        value = min(max(value, low), high)
        whole = self.kind in (KnobKind.POWER_OF_TWO, KnobKind.INTEGER)
        return int(value) if whole else float(value)

    def _multiple(self, value: float) -> float:
        # A width that is a multiple of 8 should stay one.
        own = int(self.value)
        if own % 100 == 0 or (own >= 100 and own % 10 == 0 and own % 8):
            return _round(value)
        unit = 8 if own % 8 == 0 and own >= 32 else 4 if own % 4 == 0 else 1
        return float(max(unit, round(value / unit) * unit))

    def steps(self, wide: bool = False) -> list[Scalar]:
        """Return values worth trying in place of the current one; `wide` adds more step sizes."""
        return self._wide_steps if wide else self._usual_steps

    @cached_property
    def _wide_steps(self) -> list[Scalar]:
        return self._steps(wide=True)

    @cached_property
    def _usual_steps(self) -> list[Scalar]:
        return self._steps(wide=False)

    def _steps(self, wide: bool) -> list[Scalar]:
        part = self.knob.parts[self.index]
        if self.kind is KnobKind.ENUM:
            return [choice for choice in part.choices if choice != part.value]
        match self.kind:
            case KnobKind.LOG:
                sizes = [0.55, 1.0, 1.71, 2.71]
                more = [0.3, 3.97, 5.68]
            case KnobKind.POWER_OF_TWO:
                sizes, more = [1.0, 2.0], [3.0]
            case KnobKind.RATIO if self.near_one:
                sizes, more = [0.58, 1.0, 2.0], [0.3, 3.0]
            case KnobKind.RATIO:
                sizes, more = [0.5, 1.0, 2.0], [0.2, 3.0, 5.0]
            case KnobKind.INTEGER if self.by_factor:
                sizes, more = [0.6, 1.0, 1.8, 3.1], [0.3, 5.0]
            case _:
                sizes, more = [1.0, 2.0], [3.0, 4.0, 6.0]
        here = self.coordinate(part.value)
        found = [
            self.at(here + sign * size)
            for size in (*sizes, *(more if wide else ()))
            for sign in (1, -1)
        ]
        return [value for value in dict.fromkeys(found) if not same(value, part.value)]

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest coordinate that TPE, which searches the whole axis, draws from."""
        here = self.coordinate(self.value)
        match self.kind:
            case KnobKind.LOG:
                return (0.0, 7.0) if self.value == 0 else (here - 6.0, here + 6.0)
            case KnobKind.POWER_OF_TWO:
                return max(here - 3.0, 0.0), here + 3.0
            case KnobKind.RATIO:
                return (0.0, max(here, 7.0)) if self.near_one else (0.0, self.bounds[1] * 10.0)
            case KnobKind.INTEGER if self.by_factor:
                return here - 5.0, here + 5.0
            case _:
                low, high = self.bounds
                return max(low, here // 2), min(high, 2 * here + 2)


def same(a: Scalar, b: Scalar) -> bool:
    """Return whether two scalars have the same value, up to rounding; True is not 1."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return isinstance(a, bool) == isinstance(b, bool) and math.isclose(a, b, rel_tol=1e-9)
    return type(a) is type(b) and a == b


def _round(value: float) -> float:
    """Round to two significant digits, as one would write the value by hand."""
    return float(f"{value:.2g}")


@dataclass(frozen=True)
class Space:
    """The search space of the editable files: their text, their knobs, and the axes by key."""

    source: str
    file: str
    """The name of the file that a text without headings is."""
    knobs: tuple[Knob, ...]
    axes: Mapping[str, SearchAxis]

    @classmethod
    def of(cls, source: str, file: str = "train.py") -> Space:
        """Find all knobs of a source text and build its search space.

        Args:
            source: The text of one file, or of several with headings.
            file: The name of the file that a text without headings is.

        Raises:
            KnobError: A file does not parse.
        """
        knobs = find_knobs(source, file)
        axes = {}
        for knob in knobs:
            for index, part in enumerate(knob.parts):
                if part.kind is not KnobKind.FIXED:
                    key = f"{knob.name}[{index}]" if isinstance(knob.value, tuple) else knob.name
                    axes[key] = SearchAxis(key, knob, index)
        return cls(source, file, knobs, axes)

    @property
    def values(self) -> dict[str, Scalar]:
        """The current value of every axis, by axis key."""
        return {key: axis.value for key, axis in self.axes.items()}

    def literals(self, move: Move) -> dict[str, tuple[str, str]]:
        """Return the old and new literal of each knob a move changes, by knob name."""
        parts: dict[str, dict[int, Scalar]] = {}
        for key, value in move:
            axis = self.axes[key]
            parts.setdefault(axis.knob.name, {})[axis.index] = value
        by_name = {knob.name: knob for knob in self.knobs}
        return {n: (by_name[n].literal, rewrite(by_name[n], p)) for n, p in parts.items()}

    def apply(self, move: Move) -> str:
        """Return the source text with a move's new values written in."""
        literals = {name: new for name, (_, new) in self.literals(move).items()}
        return set_knobs(self.source, literals, self.file)

    def moves(self, wide: bool = False) -> list[Move]:
        """Return every move of a single axis; `wide` adds more step sizes."""
        return [((key, value),) for key, axis in self.axes.items() for value in axis.steps(wide)]

    @cached_property
    def batch_axes(self) -> tuple[str, str] | None:
        """Keys of the axes of tokens per step and rows per pass; None unless the file has both."""
        for total, rows in product(self.axes, self.axes):
            words = self.axes[total].word, self.axes[rows].word
            if re.match(r"TOTAL_BATCH", words[0]) and re.match(r"(DEVICE|MICRO)_BATCH", words[1]):
                return total, rows
        return None

    def context_guess(self) -> int:
        """Return a context length that tokens per step over rows per pass must be divisible by.

        If another file sets it, the smaller of the current quotient and 2048 is a safe guess; 1 if
        the file has no batch sizes either.
        """
        for knob in self.knobs:
            if re.fullmatch(r"(MAX_)?(SEQ|SEQUENCE|CONTEXT)_(LEN|LENGTH)", knob_word(knob.name)):
                return int(knob.value) if isinstance(knob.value, int) and knob.value > 0 else 1
        pair = self.batch_axes
        if pair is None:
            return 1
        total, rows = (self.axes[key].value for key in pair)
        assert isinstance(total, int) and isinstance(rows, int)
        return min(total // max(rows, 1), _TYPICAL_CONTEXT) or 1

    def repaired(self, move: Move, context: int) -> Move | None:
        """Return a move after which tokens per step is divisible by rows per pass times context.

        If the move changes only one of these two batch sizes, the other is adapted.

        Args:
            move: A move of one or two axes.
            context: The context length in tokens, at least 1.

        Returns:
            The move itself if it needs no change; None if two knobs cannot achieve it.
        """
        pair = self.batch_axes
        changes = dict(move)
        if pair is None or not any(key in changes for key in pair):
            return move
        total_key, rows_key = pair
        total, rows = (changes.get(key, self.axes[key].value) for key in pair)
        assert isinstance(total, int) and isinstance(rows, int)
        if total % max(rows * context, 1) == 0:
            return move
        if len(changes) > 1:
            return None
        if total_key in changes and total // context >= 1 and total % context == 0:
            changes[rows_key] = total // context
        elif rows_key in changes:
            changes[total_key] = rows * context
        else:
            return None
        return tuple(sorted(changes.items()))
