"""Chooses the metric among a table's columns: by its name, or because the verdicts follow it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of
from engine.core.table.columns import Cells, numeric, share
from engine.core.table.model import Role
from engine.core.table.numbers import is_placeholder, to_number
from engine.core.table.roles import metric_rank
from engine.core.table.status_words import Meaning

_MOST_CHANCE = 0.01
"""Largest probability that verdicts which have nothing to do with a column fit it as well."""
_CLEAR_SHARE = 0.8
_CLEARER = 0.15
_LEAST_FILLED = 0.1
"""Least number of filled cells of a metric, as a share of those of the fullest candidate."""
FIRST_NUMBERS = "the first column of numbers without another use"
"""The reason for a column that neither its name nor the verdicts show to be the metric."""
_BY_NAME = 3
"""Rank of a name from which it is that of a metric."""


class Following(NamedTuple):
    """How well a table's verdicts agree with one column, if that is compared with the last keep."""

    share: float
    """Mean of the shares of keeps that improved and of discards that did not, from 0 to 1."""
    keeps: tuple[int, int] = (0, 0)
    """Number of keeps that improved, and of all."""
    discards: tuple[int, int] = (0, 0)
    """Number of discards that did not improve, and of all."""

    def chance(self) -> float:
        """Return the probability that as many verdicts or more agree by chance."""
        right, total = self.keeps[0] + self.discards[0], self.keeps[1] + self.discards[1]
        likely: int = sum(math.comb(total, count) for count in range(right, total + 1))
        return float(likely / 2**total)

    def reason(self) -> str:
        """Return the reason for choosing the column, as a phrase for the user."""
        return (
            f"the verdicts follow it: {self.keeps[0]} of {self.keeps[1]} keeps improved it, "
            f"{self.discards[0]} of {self.discards[1]} discards did not"
        )


class _Candidate(NamedTuple):
    score: float
    before: int
    """Negative index of the column, so that the first of equal ones is the largest."""
    why: str


def choose_column(
    names: Sequence[str],
    roles: Sequence[Role],
    columns: Sequence[Cells],
    verdicts: Sequence[Meaning | None],
) -> tuple[int, str]:
    """Return the index of the metric's column and the reason; -1 if no column can be a metric.

    Args:
        names: The name of each column.
        roles: The role of each column.
        columns: The cells of each column, of some of the rows.
        verdicts: The meaning of the status of each of these rows; empty without a status.
    """
    candidates = [
        candidate
        for index, name in enumerate(names)
        if roles[index] in (Role.EXTRA, Role.DURATION)
        if (candidate := _candidate(index, name, roles[index], columns[index])) is not None
    ]
    if not candidates:
        return -1, ""
    filled = {c: sum(map(bool, columns[-c.before])) for c in candidates}
    most = max(filled.values())
    candidates = [c for c in candidates if filled[c] >= _LEAST_FILLED * most]
    chosen = max(candidates)
    found = {
        -c.before: _following(names[-c.before], columns[-c.before], verdicts) for c in candidates
    }
    named = -chosen.before
    own = found[named].share
    after_commit = list(roles).index(Role.COMMIT) + 1 if Role.COMMIT in roles else -1
    # Where the verdicts follow several columns, it is usually the one after the commit.
    if after_commit in found and metric_rank(names[after_commit]) == 0:
        best, least = after_commit, own
    else:
        best = max(found, key=lambda index: (found[index].share, -index))
        least = own + _CLEARER if own < _CLEAR_SHARE else math.inf
    following = found[best]
    is_clear = following.share >= max(_CLEAR_SHARE, least)
    if best != named and is_clear and following.chance() * 2 * len(found) <= _MOST_CHANCE:
        return best, following.reason()
    return named, chosen.why


def _candidate(index: int, name: str, role: Role, column: Cells) -> _Candidate | None:
    rank = metric_rank(name)
    numeric_share = share(column, numeric)
    numbers = numeric_share >= 0.5
    is_text = not numeric_share and any(not is_placeholder(cell) for cell in column)
    if is_text or (rank < _BY_NAME and not numbers) or _is_running_index(name, column):
        return None
    score = rank + (2 if numbers else -1) - (3 if role is Role.DURATION else 0)
    if numbers and (len(set(column)) > 1 or len(column) < 3):
        score += 1
    by_name = rank >= _BY_NAME or (rank > 0 and direction_of(name) is not None)
    why = "by its name" if by_name else FIRST_NUMBERS
    return _Candidate(score, -index, why)


def _is_running_index(name: str, column: Cells) -> bool:
    """Return whether a column counts the rows, such as 1, 2, 3."""
    if len(column) < 3 or direction_of(name) is not None:
        return False
    first = column[0]
    return first.isdecimal() and all(
        cell == str(int(first) + place) for place, cell in enumerate(column)
    )


def _following(name: str, column: Cells, verdicts: Sequence[Meaning | None]) -> Following:
    """Return how well the verdicts follow a column, in the direction that fits better."""
    named = direction_of(name)
    values = [to_number(cell) for cell in column]
    return max(
        _in_direction(direction, values, verdicts)
        for direction in ((named,) if named is not None else tuple(Direction))
    )


def _in_direction(
    direction: Direction, values: Sequence[float | None], verdicts: Sequence[Meaning | None]
) -> Following:
    keeps = discards = improved = not_improved = 0
    kept: float | None = None
    for value, verdict in zip(values, verdicts, strict=False):
        if value is None or verdict not in (Meaning.KEEP, Meaning.DISCARD):
            continue
        is_keep = verdict is Meaning.KEEP
        if kept is not None:
            better = direction.gain(value, kept) > 0
            keeps += is_keep
            discards += not is_keep
            improved += is_keep and better
            not_improved += not is_keep and not better
        if is_keep:
            kept = value
    if not keeps or not discards:
        return Following(0.0)
    return Following(
        (improved / keeps + not_improved / discards) / 2,
        (improved, keeps),
        (not_improved, discards),
    )
