"""Prints the figures of a benchmark, each beside its aim, and parses its options."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Figures:
    """Prints figures as they come and remembers whether all of them meet their aims.

    Args:
        judge: True if the run is long enough to be judged by the aims.
    """

    def __init__(self, *, judge: bool = True) -> None:
        self._judge = judge
        self._missed = False

    def show(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Print one figure on one line, with its aim if it has one.

        Args:
            name: What was measured.
            value: The measured value.
            unit: The unit of the value.
            at_most: The aim, where smaller is better.
            at_least: The aim, where larger is better.
        """
        note = ""
        if self._judge and (at_most is not None or at_least is not None):
            met = value <= at_most if at_most is not None else value >= (at_least or 0.0)
            aim = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
            note = f" (aim: {aim}{'' if met else ', MISSED'})"
            self._missed |= not met
        print(f"{name}: {value:.4g} {unit}{note}", flush=True)

    def ratio(self, name: str, value: float, floor: float, *, at_most: float | None = None) -> None:
        """Print a value divided by its floor.

        Args:
            name: What was measured.
            value: The measured value.
            floor: The floor, in the same unit.
            at_most: The aim: the largest ratio that is good enough.
        """
        self.show(f"{name}, against its floor", value / floor, "times", at_most=at_most)

    @property
    def exit_code(self) -> int:
        """The benchmark's exit code: 0 while every figure has met its aim, else 1."""
        return int(self._missed)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of a benchmark's options, which knows `--quick`.

    Args:
        description: The benchmark's docstring, shown by `--help`.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="a run of a few seconds that judges no aim"
    )
    return parser


def alternate(rounds: int, *measures: Callable[[], T]) -> list[list[T]]:
    """Call each measure in turn, several times over, so that all meet the same load of the machine.

    Args:
        rounds: The number of times each measure is called.
        measures: The measures to compare.

    Returns:
        The results of each measure, in the order of the measures.
    """
    results: list[list[T]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, found in zip(measures, results, strict=True):
            found.append(measure())
    return results


def medians(samples: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of each series of samples."""
    return [statistics.median(series) for series in samples]
