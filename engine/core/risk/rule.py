"""Defines a risk rule, a named check of an edit, and the decorator `rule`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, where

RuleHit = tuple[tuple[int, ...], str]
"""Line numbers and message of one finding."""
Check = Callable[[Edit], Iterable[RuleHit]]


@dataclass(frozen=True)
class Rule:
    """A risk rule: its name, the weight of its findings, and the function that checks an edit.

    The function's docstring is the rule's entry in docs/risk.md.
    """

    name: str
    weight: Weight
    check: Check

    @property
    def about(self) -> str:
        """The docstring of the check on one line: what the rule looks for, and why."""
        return " ".join((self.check.__doc__ or "").split())


def rule(name: str, weight: Weight) -> Callable[[Check], Rule]:
    """Return a decorator that turns a function from an edit to its hits into a `Rule`.

    Args:
        name: The name of the rule, as shown with its findings.
        weight: The weight of its findings.
    """

    def decorate(check: Check) -> Rule:
        return Rule(name, weight, check)

    return decorate


def change_hits(added: list[ast.AST], removed: list[ast.AST], what: str) -> Iterator[RuleHit]:
    """Yield one hit for all new statements, or for all removed ones where none is new.

    Args:
        added: Statements that only the candidate has.
        removed: Statements that only the base has.
        what: The end of the message, after "The edit changes".
    """
    if added:
        yield where(added), f"The edit changes {what}"
    elif removed:
        yield where(removed), f"The edit removes (lines of the base) {what}"
