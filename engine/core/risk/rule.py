"""The words of a risk assessment: weight, finding, setting, rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.core.finding import Weight

if TYPE_CHECKING:
    from engine.core.risk.edit import Edit


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the assessment must know of the session besides the two texts."""

    metric: str = "val_bpb"
    """The name in the line `name: value` that the run prints."""
    file: str = "train.py"
    harness: tuple[str, ...] = ("prepare", "constants", "shards", "device")
    """Module names of the locked files."""
    program: str = ""
    """The charter's text."""
    memory_gb: float | None = None
    """Peak memory of the base's own run."""
    memory_limit_gb: float | None = None
    """What the device has."""


RuleHit = tuple[tuple[int, ...], str]
"""What a rule gives: lines and message."""


@dataclass(frozen=True)
class Rule:
    """One named check. Its docstring is the rule's entry in docs/risk.md."""

    name: str
    weight: Weight
    check: Callable[[Edit], Iterable[RuleHit]]

    @property
    def about(self) -> str:
        """What it looks for and why, on one line."""
        return " ".join((self.check.__doc__ or "").split())


def rule(name: str, weight: Weight) -> Callable[[Callable[[Edit], Iterable[RuleHit]]], Rule]:
    """Make a rule of a function that yields lines and a message for each finding."""

    def make(check: Callable[[Edit], Iterable[RuleHit]]) -> Rule:
        return Rule(name, weight, check)

    return make
