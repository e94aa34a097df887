"""Checks by a column's cells the role its name suggests, and fills in roles no name gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from engine.core.metric_direction import normalise
from engine.core.table.model import Role
from engine.core.table.numbers import commit_hash, is_placeholder, to_number, to_time
from engine.core.table.roles import DECIDED
from engine.core.table.status_words import is_verdict, meaning_of

Cells = Sequence[str]
"""The cells of one line, or of one column, as text."""
_COMMIT_WORDS = frozenset(
    (
        *("baseline", "none", "reverted", "uncommitted", "head", "dirty", "working", "wip"),
        *("base", "tbd", "n/a", "-", "–", "—"),
    )
)
_UNAMBIGUOUS_STATUS = frozenset(("status", "verdict", "decision", "状态"))
_YES_NO = frozenset(("0", "1", "0.0", "1.0", "true", "false", "yes", "no"))
_LETTER = re.compile(r"[a-f]", re.I)
_BASE = re.compile(r"base|parent|prev|from|config|data|seed", re.I)
"""Matches names of columns whose hashes are not the row's own commit, such as `base_commit`."""
_MANY = 6
_MOST_STATUSES = 0.6
"""Share of different cells above which a column of `_MANY` rows or more holds no statuses."""
_WORDY = 12
"""Mean number of characters per cell above which a column holds phrases, not short names."""


def share(column: Cells, test: Callable[[str], bool]) -> float:
    """Return the share (0 to 1) of a column's filled cells that pass a test; 0 without any."""
    filled = [cell for cell in column if not is_placeholder(cell)]
    return sum(map(test, filled)) / len(filled) if filled else 0.0


def numeric(cell: str) -> bool:
    """Return whether a cell can be parsed as a number."""
    return to_number(cell) is not None


def wordy(column: Cells) -> bool:
    """Return whether a column holds phrases rather than short names."""
    return sum(map(len, column)) > _WORDY * len(column) or (
        share(column, lambda cell: " " in cell) > 0.5
    )


def is_commit_word(cell: str) -> bool:
    """Return whether a cell stands for a commit without naming one, such as `uncommitted`."""
    return cell.lower() in _COMMIT_WORDS


def _commit_share(column: Cells) -> float:
    """Return the share of cells that may be commits; 0 if all of them may be whole numbers."""
    hashes = [cell for cell in column if commit_hash(cell) is not None]
    # Of real hashes of seven digits one in 27 has no letter.
    if hashes and sum(_LETTER.search(cell) is not None for cell in hashes) < 0.5 * len(hashes):
        return 0.0
    return share(column, lambda c: commit_hash(c) is not None or is_commit_word(c))


def is_yes_no(column: Cells) -> bool:
    """Return whether a column holds 0 and 1, or words like them, and nothing else."""
    filled = [cell.lower() for cell in column if cell]
    return bool(filled) and _YES_NO.issuperset(filled)


def _fits_status(name: str, column: Cells) -> bool:
    if not any(column):
        return normalise(name) in _UNAMBIGUOUS_STATUS or not column
    known = share(column, lambda c: meaning_of(c) is not None)
    if known >= 0.3 or (normalise(name) in DECIDED and is_yes_no(column)):
        return True
    return normalise(name) in _UNAMBIGUOUS_STATUS and share(column, numeric) < 0.5


def _fits_description(name: str, column: Cells) -> bool:
    if normalise(name) in ("experiment", "实验", "action", "title", "id"):
        return wordy(column)
    return share(column, numeric) < 0.5


def _empty_or(test: Callable[[str], bool]) -> Callable[[str, Cells], bool]:
    def fits(name: str, column: Cells) -> bool:
        filled = [cell for cell in column if not is_placeholder(cell)]
        return not filled or share(column, test) >= 0.5

    return fits


FITS: tuple[tuple[Role, Callable[[str, Cells], bool]], ...] = (
    (Role.STATUS, _fits_status),
    (Role.COMMIT, _empty_or(lambda c: not numeric(c) or commit_hash(c) is not None)),
    (Role.DESCRIPTION, _fits_description),
    (Role.MEMORY, _empty_or(numeric)),
    (Role.TIME, _empty_or(lambda c: to_time(c) is not None)),
    (Role.DURATION, _empty_or(numeric)),
    (Role.NUMBER, lambda name, column: not wordy(column)),
    (Role.CATEGORY, _empty_or(lambda c: not numeric(c))),
)


def fill_from_cells(roles: list[Role], columns: Sequence[Cells], names: Sequence[str]) -> None:
    """Give the roles status, commit and description, if no column has them, by the cells.

    Args:
        roles: The role of each column; changed in place where it is `EXTRA`.
        columns: The cells of each column.
        names: The name of each column; empty strings without a header.
    """
    free = [i for i, role in enumerate(roles) if role is Role.EXTRA]

    def assign(role: Role, score: Callable[[Cells], float], least: float) -> None:
        if role in roles or not free:
            return
        value, index = max((score(columns[i]), -i) for i in free)
        if value >= least:
            roles[-index] = role
            free.remove(-index)

    def status_score(column: Cells) -> float:
        if len(column) >= _MANY and len(set(column)) > _MOST_STATUSES * len(column):
            return 0.0  # names of runs, such as `baseline_2` and `kept_features`
        known = share(
            column,
            lambda c: not numeric(c) and is_verdict(c) and len(c) > 1,
        )
        # `baseline` is used both as a status and in place of a commit.
        return known - 0.01 * (share(column, is_commit_word) > 0.5)

    assign(Role.STATUS, status_score, 0.6)
    based = [i for i in free if _BASE.search(names[i])]
    free = [i for i in free if i not in based]
    assign(Role.COMMIT, _commit_share, 0.6)
    free = sorted(free + based)
    assign(
        Role.DESCRIPTION,
        lambda column: (
            sum(map(len, column)) / max(1, len(column)) if share(column, numeric) < 0.3 else 0.0
        ),
        _WORDY if any(names) else 3,
    )
