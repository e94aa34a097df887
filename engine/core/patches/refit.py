"""Re-applies an edit to a later version of its file, at the lines it was made for or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from engine.core.patches.place import (
    Change,
    changes_between,
    enclosing,
    marked_lines,
    places_of,
)


def refit(before: str, after: str, now: str) -> str | None:
    """Apply an edit of one text to another version of that text, if its place is certain.

    Each change must be where its lines moved to: every shortest diff from the one version to the
    other maps them to the same lines, which are enclosed by the same definitions, are the same one
    of as many equal places, and have the same line before or after them (both, if there are equal
    places). An insertion is placed by the two lines beside it.

    Args:
        before: The text that the edit was made for.
        after: The text with the edit.
        now: The other version of `before`.

    Returns:
        The other version with the edit; None if the place of a change is not certain.
    """
    if now == before:
        return after
    old, new = marked_lines(before), marked_lines(now)
    line_map = LineMap(old, new)
    result, position = list[str](), 0
    for change in changes_between(old, marked_lines(after)):
        start = _moved_to(change, old, new, line_map)
        if start is None or start < position:
            return None
        result += [*new[position:start], *change.added]
        position = start + len(change.removed)
    return "".join((result + new[position:])[1:-1])


def _moved_to(
    change: Change, old: Sequence[str], new: Sequence[str], line_map: LineMap
) -> int | None:
    """Return the index in the new lines where a change of the old ones is to be made, or None."""
    anchor = change.anchor
    block = [old[i] for i in anchor]
    places_before, places_now = places_of(block, old), places_of(block, new)
    if len(places_before) != len(places_now):
        return None
    telling = [i for i in anchor if old[i].strip()] or anchor
    images = {None if (j := line_map.image(i)) is None else j - i for i in telling}
    shift = images.pop()
    if images or shift is None:
        return None
    place = anchor.start + shift
    if place not in places_now or places_now.index(place) != places_before.index(anchor.start):
        return None
    if enclosing(old, anchor.start) != enclosing(new, place):
        return None
    start, end = change.start + shift, change.end + shift
    same_above = _text_above(old, change.start) == _text_above(new, start)
    same_below = _text_below(old, change.end) == _text_below(new, end)
    agrees = same_above and same_below if len(places_now) > 1 else same_above or same_below
    return start if agrees else None


def _text_above(lines: Sequence[str], index: int) -> str:
    return next(line for line in reversed(lines[:index]) if line.strip())


def _text_below(lines: Sequence[str], index: int) -> str:
    return next(line for line in lines[index:] if line.strip())


class LineMap:
    """Maps lines of one text to those of another, where all shortest diffs agree.

    A shortest diff keeps a longest common subsequence of lines; its length is computed for all
    prefixes of the new lines at once, as the number of zeros in the bits of an integer. See Hyyrö,
    Bit-Parallel LCS-length Computation Revisited (2004).

    Args:
        old: The lines to map.
        new: The lines that they are mapped to.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._old, self._new = old, new
        self._masks: dict[str, int] = defaultdict(int)
        backward: dict[str, int] = defaultdict(int)
        for j, line in enumerate(new):
            self._masks[line] |= 1 << j
            backward[line] |= 1 << len(new) - 1 - j
        self._heads = [-1]
        for line in old:
            self._heads.append(_step(self._heads[-1], self._masks[line]))
        self._tails = [-1]
        for line in reversed(old):
            self._tails.append(_step(self._tails[-1], backward[line]))
        self._longest = _zeros(self._heads[-1], len(new))

    def image(self, index: int) -> int | None:
        """Return the index of the new line that an old line became; None where diffs disagree."""
        line, size = self._old[index], len(self._new)
        head, tail = self._heads[index], self._tails[len(self._old) - 1 - index]
        images = [
            j
            for j in places_of([line], self._new)
            if _zeros(head, j) + 1 + _zeros(tail, size - 1 - j) == self._longest
        ]
        if len(images) != 1:
            return None
        without = head
        for other in self._old[index + 1 :]:
            without = _step(without, self._masks[other])
        return images[0] if _zeros(without, size) < self._longest else None


def _step(state: int, mask: int) -> int:
    common = state & mask
    return (state + common) | (state - common)


def _zeros(state: int, count: int) -> int:
    """Return the number of zeros in the lowest bits of an integer."""
    return count - (state & ((1 << count) - 1)).bit_count()
