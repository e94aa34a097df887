"""Lists the knob moves that are still open (not tried, not ruled out), and draws one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.agents.search_record import Record
from engine.agents.search_space import Move

_PAIRS_DRAWN = 300


@dataclass(frozen=True)
class SearchChoice:
    """The move a search policy chose, with its forecast and the policy's reason."""

    move: Move
    gain: float | None = None
    """Expected gain in metric units, positive is better; None if the policy has no forecast."""
    doubt: float | None = None
    """Standard deviation of the expected gain, in metric units; None without a forecast."""
    note: str = ""
    """The policy's reason for the move, one sentence; may be empty."""


def open_moves(record: Record, moves: Iterable[Move]) -> list[Move]:
    """Return the given moves that are neither tried nor ruled out, without duplicates.

    A move of a batch size is first extended so that tokens per step stays divisible, see
    `Space.repaired`; it is left out if that fails.
    """
    found: dict[Move, None] = {}
    for move in moves:
        repaired = record.space.repaired(move, record.context)
        if repaired is not None and record.is_allowed(repaired) and record.is_new(repaired):
            found.setdefault(repaired)
    return list(found)


def join(first: Move, second: Move) -> Move | None:
    """Combine two moves of one axis each; None if they change the same axis or more than two."""
    both = dict(first) | dict(second)
    if len(both) != 2 or len(first) + len(second) != 2:
        return None
    return tuple(sorted(both.items()))


def fallbacks(record: Record, rng: random.Random) -> Iterator[list[Move]]:
    """Yield lists of open moves, for when the usual single steps are used up; some may be empty.

    In order: usual pairs, single steps of all sizes, random pairs of these, all pairs of these.
    """
    usual = record.space.moves()
    wide = record.space.moves(wide=True)
    yield open_moves(record, _pairs([m for m in usual if not record.lost_before(m)], rng))
    yield open_moves(record, wide)
    yield open_moves(record, _pairs(wide, rng))
    yield open_moves(record, _pairs(wide, rng, everything=True))


def _pairs(singles: list[Move], rng: random.Random, everything: bool = False) -> Iterator[Move]:
    if everything:
        drawn = [(a, b) for i, a in enumerate(singles) for b in singles[:i]]
    elif len(singles) < 2:
        return
    else:
        drawn = [(rng.choice(singles), rng.choice(singles)) for _ in range(_PAIRS_DRAWN)]
    for first, second in drawn:
        if (both := join(first, second)) is not None:
            yield both


def first_open(
    record: Record, rng: random.Random, pick: Callable[[list[Move]], SearchChoice]
) -> SearchChoice | None:
    """Return what `pick` chooses of the open single steps, else of the first open fallbacks.

    None if no move is open.
    """
    usual = [m for m in record.space.moves() if not record.lost_before(m)]
    if moves := open_moves(record, usual):
        return pick(moves)
    for group in fallbacks(record, rng):
        if group:
            return pick(group)
    return None


def choose_evenly(record: Record, rng: random.Random) -> SearchChoice | None:
    """Return a random open move, a control for the other policies; None if none is open.

    It changes one axis, and one time in three two axes.
    """
    usual = record.space.moves()
    if rng.random() < 1 / 3 and (pairs := open_moves(record, _pairs(usual, rng))):
        return SearchChoice(rng.choice(pairs), note="Drawn at random: two knobs, one step each.")
    moves = open_moves(record, usual)
    if moves:
        key = rng.choice(sorted({move[0][0] for move in moves}))
        mine = [move for move in moves if move[0][0] == key]
        return SearchChoice(rng.choice(mine), note="Drawn at random: one knob, one step.")
    for group in fallbacks(record, rng):
        if group:
            return SearchChoice(
                rng.choice(group), note="Drawn at random among what is still untried."
            )
    return None
