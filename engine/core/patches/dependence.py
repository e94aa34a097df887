"""Which kept changes of one file stand on an earlier one, found by leaving that one out."""

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
        """As a diff."""
        return make_patch("file", self.before, self.after)


class Dependence(msgspec.Struct, frozen=True, kw_only=True):
    """What taking a change back would mean."""

    without: str | None
    """The last text without the change; None where its lines cannot be found for certain."""
    later: tuple[int, ...]
    """The changes after it, in order."""
    stand_on_it: tuple[int, ...]
    """Those of them that do not fit a text without it."""
    covered_by: int
    """The first that changed its lines again; 0: none did."""


def depends_on(changes: list[Change], number: int) -> Dependence:
    """Take one of several changes out, in memory.

    Args:
        changes: In the order they were made, each made to the text the one before left.
        number: Of the change to take out.
    """
    place = next(i for i, change in enumerate(changes) if change.number == number)
    one, rest = changes[place], changes[place + 1 :]
    back = reverse_patch(one.patch)
    text, standing, covered = one.before, list[int](), 0
    for change in rest:
        fitted = refit_patch(text, change.patch)
        if fitted is None:
            standing.append(change.number)
        else:
            text = fitted
        if not covered and refit_patch(change.after, back) is None:
            covered = change.number
    without = refit_patch(rest[-1].after, back) if rest else one.before
    return Dependence(
        without=without,
        later=tuple(change.number for change in rest),
        stand_on_it=tuple(standing),
        covered_by=covered if without is None else 0,
    )


def fit_in_order(text: str, changes: list[Change]) -> tuple[str, tuple[int, ...]]:
    """Make chosen changes of a line to a text they were not made for.

    Returns:
        The text with those that fit exactly, and the numbers of those that do not.
    """
    missing: list[int] = []
    for change in changes:
        fitted = refit_patch(text, change.patch)
        if fitted is None:
            missing.append(change.number)
        else:
            text = fitted
    return text, tuple(missing)
