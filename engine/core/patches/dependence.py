"""Dependence between changes of a file, found by removing one of them."""

from __future__ import annotations

import msgspec

from engine.core.patches.patch import make_patch, refit_patch, reverse_patch


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A kept change of the editable file."""

    number: int
    before: str
    after: str

    @property
    def patch(self) -> str:
        """Return the change as a diff."""
        return make_patch("file", self.before, self.after)


class Dependence(msgspec.Struct, frozen=True, kw_only=True):
    """The consequences of removing a change."""

    without: str | None
    """The last text without the change; None if its lines cannot be located with certainty."""
    later: tuple[int, ...]
    """The changes after it, in order."""
    dependents: tuple[int, ...]
    """The later changes that do not fit a text without it."""
    changed_again_by: int
    """The first change that changed its lines again; 0: none."""


def dependents_of(changes: list[Change], number: int) -> Dependence:
    """Remove one of several changes and return the consequences.

    Args:
        changes: The changes in order, each starting from the result of the one before.
        number: The number of the change to remove.
    """
    index = next(i for i, change in enumerate(changes) if change.number == number)
    removed, rest = changes[index], changes[index + 1 :]
    back = reverse_patch(removed.patch)
    text, dependents, changed_again_by = removed.before, list[int](), 0
    for change in rest:
        fitted = refit_patch(text, change.patch)
        if fitted is None:
            dependents.append(change.number)
        else:
            text = fitted
        if not changed_again_by and refit_patch(change.after, back) is None:
            changed_again_by = change.number
    without = refit_patch(rest[-1].after, back) if rest else removed.before
    return Dependence(
        without=without,
        later=tuple(change.number for change in rest),
        dependents=tuple(dependents),
        changed_again_by=changed_again_by if without is None else 0,
    )


def apply_in_order(text: str, changes: list[Change]) -> tuple[str, tuple[int, ...]]:
    """Apply changes to a text other than the one they were made for.

    Returns:
        The text with the changes that fit exactly, and the numbers of those that do not.
    """
    missing: list[int] = []
    for change in changes:
        fitted = refit_patch(text, change.patch)
        if fitted is None:
            missing.append(change.number)
        else:
            text = fitted
    return text, tuple(missing)
