"""What stands in a column: whether its cells fit what its name says, or tell without a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from engine.core.table.model import Role
from engine.core.table.numbers import commit_hash, is_placeholder, to_number, to_time
from engine.core.table.roles import normalise
from engine.core.table.status_words import Meaning, meaning_of

Cells = Sequence[str]
"""The cells of a line, or of a column."""
_COMMIT_WORDS = frozenset(
    (
        *("baseline", "none", "reverted", "uncommitted", "head", "dirty", "working", "wip"),
        *("base", "tbd", "n/a", "-", "–", "—"),
    )
)
_HONEST_STATUS = frozenset(("status", "verdict", "decision", "状态"))
_BASE = re.compile(r"base|parent|prev|from|config|data|seed", re.I)
"""In the name of a column of hashes: they are not those of the row's own commit."""
_WORDY = 12


def share(column: Cells, test: Callable[[str], bool]) -> float:
    """Of the cells that hold something the share that passes."""
    filled = [cell for cell in column if not is_placeholder(cell)]
    return sum(map(test, filled)) / len(filled) if filled else 0.0


def numeric(cell: str) -> bool:
    """Whether a cell holds a number."""
    return to_number(cell) is not None


def wordy(column: Cells) -> bool:
    """Whether a column holds phrases rather than short names."""
    return sum(map(len, column)) > _WORDY * len(column) or (
        share(column, lambda cell: " " in cell) > 0.5
    )


def _commit_share(column: Cells) -> float:
    return share(column, lambda c: commit_hash(c) is not None or c.lower() in _COMMIT_WORDS)


def _fits_status(name: str, column: Cells) -> bool:
    if not any(column):
        return normalise(name) in _HONEST_STATUS or not column
    known = share(column, lambda c: meaning_of(c) is not None)
    if known >= 0.3:
        return True
    return normalise(name) in _HONEST_STATUS and share(column, numeric) < 0.5


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
    """Find by their cells the status, commit and description that no name told."""
    free = [i for i, role in enumerate(roles) if role is Role.EXTRA]

    def take(role: Role, score: Callable[[Cells], float], least: float) -> None:
        if role in roles or not free:
            return
        value, index = max((score(columns[i]), -i) for i in free)
        if value >= least:
            roles[-index] = role
            free.remove(-index)

    def looks_status(column: Cells) -> float:
        telling = share(
            column,
            lambda c: not numeric(c) and meaning_of(c) not in (None, Meaning.OTHER) and len(c) > 1,
        )
        # `baseline` is both a status and what stands for a commit.
        return telling - 0.01 * (share(column, lambda c: c.lower() in _COMMIT_WORDS) > 0.5)

    take(Role.STATUS, looks_status, 0.6)
    based = [i for i in free if _BASE.search(names[i])]
    free = [i for i in free if i not in based]
    take(Role.COMMIT, _commit_share, 0.6)
    free = sorted(free + based)
    take(
        Role.DESCRIPTION,
        lambda column: (
            sum(map(len, column)) / max(1, len(column)) if share(column, numeric) < 0.3 else 0.0
        ),
        _WORDY if any(names) else 3,
    )
