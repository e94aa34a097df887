"""Finds which later changes of a file depend on an earlier one, by removing that one."""

from __future__ import annotations

import msgspec

from engine.core.patches.refit import refit


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A kept change of the editable file: its experiment's number, the text before and after."""

    number: int
    before: str
    after: str


class Dependence(msgspec.Struct, frozen=True, kw_only=True):
    """The consequences of removing one change from a series; changes are named by number."""

    without: str | None
    """The final text without the change; None if its lines cannot be located with certainty."""
    later: tuple[int, ...]
    """Numbers of all changes after the removed one, in order."""
    dependents: tuple[int, ...]
    """Numbers of the later changes that do not fit a text without the removed one."""
    changed_again_by: int
    """Number of the first later change of its lines or those around them.

    0 if none, or if `without` is known.
    """


def dependents_of(changes: list[Change], number: int) -> Dependence:
    """Remove one of several changes in memory and return the consequences.

    Args:
        changes: The changes in order, each starting from the result of the one before.
        number: The number of the change to remove.
    """
    index = next(i for i, change in enumerate(changes) if change.number == number)
    removed, rest = changes[index], changes[index + 1 :]
    text, dependents, changed_again_by = removed.before, list[int](), 0
    for change in rest:
        fitted = refit(change.before, change.after, text)
        if fitted is None:
            dependents.append(change.number)
        else:
            text = fitted
        if not changed_again_by and refit(removed.after, removed.before, change.after) is None:
            changed_again_by = change.number
    without = refit(removed.after, removed.before, rest[-1].after) if rest else removed.before
    return Dependence(
        without=without,
        later=tuple(change.number for change in rest),
        dependents=tuple(dependents),
        changed_again_by=changed_again_by if without is None else 0,
    )


def apply_in_order(text: str, changes: list[Change]) -> tuple[str, tuple[int, ...]]:
    """Apply changes one after the other to a text other than the one they were made for.

    Returns:
        The text with all changes that fit exactly, and the numbers of those that do not.
    """
    missing: list[int] = []
    for change in changes:
        fitted = refit(change.before, change.after, text)
        if fitted is None:
            missing.append(change.number)
        else:
            text = fitted
    return text, tuple(missing)
