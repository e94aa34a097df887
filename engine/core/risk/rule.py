"""A risk rule: a named check of an edit."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, where

RuleHit = tuple[tuple[int, ...], str]
"""Lines and message of one finding."""
Check = Callable[[Edit], Iterable[RuleHit]]


@dataclass(frozen=True)
class Rule:
    """A named check. The docstring of its function is the rule's entry in docs/risk.md."""

    name: str
    weight: Weight
    check: Check

    @property
    def about(self) -> str:
        """What the rule looks for and why, on one line."""
        return " ".join((self.check.__doc__ or "").split())


def rule(name: str, weight: Weight) -> Callable[[Check], Rule]:
    """Return a decorator that turns a function yielding hits into a rule."""

    def decorate(check: Check) -> Rule:
        return Rule(name, weight, check)

    return decorate


def change_hits(added: list[ast.AST], removed: list[ast.AST], what: str) -> Iterator[RuleHit]:
    """Yield one hit for new statements, or for removed ones where none is new.

    Args:
        added: Statements that only the candidate has.
        removed: Statements that only the base has.
        what: The object and the rest of the message, after "The edit changes".
    """
    if added:
        yield where(added), f"The edit changes {what}"
    elif removed:
        yield where(removed), f"The edit removes (lines of the base) {what}"
