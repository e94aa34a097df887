"""Lists knob moves not measured yet or ruled out by a crash, and draws one at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.agents.search_record import Record
from engine.agents.search_space import Move

_PAIRS_DRAWN = 300


@dataclass(frozen=True)
class SearchChoice:
    """The move a policy chose, and its forecast."""

    move: Move
    gain: float | None = None
    """Expected gain in metric units, positive is better; None if the policy has no forecast."""
    doubt: float | None = None
    """Standard deviation of the expected gain."""
    note: str = ""
    """Reason the policy gives, one sentence."""


def open_moves(record: Record, moves: Iterable[Move]) -> list[Move]:
    """Return the moves that may be tried, with batch sizes made divisible, without duplicates."""
    found: dict[Move, None] = {}
    for move in moves:
        repaired = record.space.repaired(move, record.context)
        if repaired is not None and record.is_allowed(repaired) and record.is_new(repaired):
            found.setdefault(repaired)
    return list(found)


def join(first: Move, second: Move) -> Move | None:
    """Combine two moves of one axis each; None if they change the same axis."""
    both = dict(first) | dict(second)
    if len(both) != 2 or len(first) + len(second) != 2:
        return None
    return tuple(sorted(both.items()))


def fallbacks(record: Record, rng: random.Random) -> Iterator[list[Move]]:
    """Yield groups of moves to draw from once the usual single steps are used up."""
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
    """Return a policy's choice among single steps, else fallbacks; None if all were tried."""
    usual = [m for m in record.space.moves() if not record.lost_before(m)]
    if moves := open_moves(record, usual):
        return pick(moves)
    for group in fallbacks(record, rng):
        if group:
            return pick(group)
    return None


def choose_evenly(record: Record, rng: random.Random) -> SearchChoice | None:
    """Return a random move as a control: one axis, and every third time two axes."""
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
