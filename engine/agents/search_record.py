"""Rebuilds past experiments as trials over the knobs of the current file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from statistics import median

from engine.agents.base import Attempt, Briefing
from engine.agents.search_space import Move, SearchAxis, Space, same
from engine.core.enums import Outcome, Verdict
from engine.core.patches.knobs import KnobKind, Scalar, literal_values

Token = tuple[str, str]
_BEYOND_IS_WORSE = (Outcome.OUT_OF_MEMORY, Outcome.TIMEOUT, Outcome.HANG, Outcome.NAN)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A finished experiment as values of the current file's axes (its adjustable scalars)."""

    number: int
    base: str
    changes: Mapping[str, tuple[Scalar, Scalar]]
    """Old and new value of each changed axis, by axis key; empty for the baseline."""
    vector: Mapping[str, Scalar]
    """Values of all axes during the run, by axis key."""
    known: bool
    """Whether `vector` is certain: only knobs changed, from the frontier or a commit before it."""
    metric: float | None
    gain: float | None
    crashed: bool
    kept: bool
    outcome: Outcome | None
    age: int
    """Number of times the frontier has moved since the trial."""

    @property
    def axis(self) -> str | None:
        """Key of the only axis the trial changed; None if it changed none or several."""
        return next(iter(self.changes)) if len(self.changes) == 1 else None


def token(value: Scalar) -> str:
    """Return a string for a scalar that is equal for equal values, such as `1e-3` and `0.001`."""
    if isinstance(value, bool | str):
        return repr(value)
    return f"{float(value):.9g}"


def tokens(values: Iterable[tuple[str, Scalar]]) -> frozenset[Token]:
    """Return a hashable key for pairs of axis key and value: of a move, or of all axes."""
    return frozenset((key, token(value)) for key, value in values)


_FIRST_STEP = 1.01
"""The longest step, in typical steps, along an axis in a direction that has had no gain yet."""


@dataclass(frozen=True)
class Record:
    """A session's trials, and the moves that they and the user rule out."""

    space: Space
    trials: tuple[Trial, ...]
    spread: float | None
    """Median size of the gains and losses not kept, in metric units; None if none was measured."""
    context: int
    """Context length in tokens, 1 if unknown: it must divide tokens per step / rows per pass."""
    _vectors: frozenset[frozenset[Token]]
    _lost: frozenset[Token]
    _floors: Mapping[str, float] = field(default_factory=dict)
    _ceilings: Mapping[str, float] = field(default_factory=dict)
    _broken: frozenset[frozenset[Token]] = frozenset()
    _vetoed: frozenset[frozenset[tuple[str, str]]] = frozenset()
    """Sets of (knob name, new literal): edits the user vetoed."""
    _pending: frozenset[frozenset[tuple[str, str]]] = frozenset()
    """Sets of (knob name, new literal): edits that run, or are queued to run."""
    _untouchable: frozenset[str] = frozenset()
    """Names of knobs the user banned, or was asked about and has not answered."""

    @classmethod
    def of(cls, briefing: Briefing, space: Space) -> Record:
        """Build the record of a briefing's history relative to its frontier."""
        trials = tuple(_trials(briefing, space))
        sizes = [abs(t.gain) for t in trials if t.gain is not None and not (t.kept or t.crashed)]
        sizes = sizes or [abs(t.gain) for t in trials if t.gain]
        spread = max(median(sizes), 1e-12) if sizes else None
        lost = {
            (t.axis, token(t.changes[t.axis][1]))
            for t in trials
            if t.axis and spread and t.gain is not None and t.gain < -2.0 * spread
        }
        floors, ceilings, broken = _limits(space, trials)
        return cls(
            space=space,
            trials=trials,
            spread=spread,
            context=_context(space, trials),
            _vectors=frozenset(tokens(t.vector.items()) for t in trials if t.known),
            _lost=frozenset(lost),
            _floors=floors,
            _ceilings=ceilings,
            _broken=frozenset(broken),
            _vetoed=frozenset(_new_values(veto.knobs) for veto in briefing.vetoes if veto.knobs),
            _pending=frozenset(_new_values(waiting.knobs) for waiting in briefing.pending),
            _untouchable=frozenset(
                word for text in briefing.banned for word in re.findall(r"[\w.-]*\w", text)
            ).union(*(waiting.knobs for waiting in briefing.pending if waiting.in_question)),
        )

    def is_new(self, move: Move) -> bool:
        """Return whether no trial has measured the values that a move from the frontier gives."""
        old = {(key, token(self.space.axes[key].value)) for key, _ in move}
        return (self._frontier - old) | tokens(move) not in self._vectors

    @cached_property
    def _frontier(self) -> frozenset[Token]:
        return tokens(self.space.values.items())

    def is_allowed(self, move: Move) -> bool:
        """Return whether no crash, ban, veto, question or queued experiment rules a move out."""
        if (self._vetoed or self._pending or self._untouchable) and self._is_unwanted(move):
            return False
        key_set = tokens(move)
        if any(broken <= key_set for broken in self._broken):
            return False
        for key, value in move:
            place = self.space.axes[key].coordinate(value)
            if not self._floors.get(key, -1e9) < place < self._ceilings.get(key, 1e9):
                return False
        return True

    def _is_unwanted(self, move: Move) -> bool:
        literals = self.space.literals(move)
        changed = _new_values(literals)
        return (
            changed in self._pending
            or any(vetoed <= changed for vetoed in self._vetoed)
            or not self._untouchable.isdisjoint(literals)
        )

    def lost_before(self, move: Move) -> bool:
        """Return whether a value in a move once lost more than twice `spread`, on any frontier."""
        return any((key, token(value)) in self._lost for key, value in move)

    def limits(self, key: str) -> tuple[float | None, float | None]:
        """Return the coordinates an axis must stay above, and below, since runs crashed there.

        Each is None if there is no such limit.
        """
        return self._floors.get(key), self._ceilings.get(key)

    def on(self, key: str, sign: int = 0) -> list[Trial]:
        """Return the trials that changed an axis; with `sign`, only those up (+1) or down (-1)."""
        if (key, sign) not in self._trials_on:
            axis = self.space.axes[key]
            found = [t for t in self.trials if key in t.changes]
            self._trials_on[key, sign] = [
                t for t in found if sign in (0, direction(axis, *t.changes[key]))
            ]
        return self._trials_on[key, sign]

    @cached_property
    def _trials_on(self) -> dict[tuple[str, int], list[Trial]]:
        return {}

    def reach(self, key: str, sign: int) -> float:
        """Return how far an axis may be moved up (+1) or down (-1), in typical steps.

        The farthest of these: one typical step, the nearest value worth trying, and twice the
        longest step that gave a gain.
        """
        if (key, sign) not in self._reaches:
            axis = self.space.axes[key]
            here = axis.coordinate(axis.value)
            gaps = [sign * (axis.coordinate(value) - here) for value in axis.steps()]
            nearest = min((gap for gap in gaps if gap > 0), default=0.0)
            helpful = [
                abs(axis.coordinate(t.changes[key][1]) - axis.coordinate(t.changes[key][0]))
                for t in self.on(key, sign)
                if t.gain is not None and t.gain > 0
            ]
            longest = max(helpful, default=0.0)
            self._reaches[key, sign] = max(_FIRST_STEP, nearest + 1e-9, 2.0 * longest)
        return self._reaches[key, sign]

    @cached_property
    def _reaches(self) -> dict[tuple[str, int], float]:
        return {}


def _new_values(knobs: Mapping[str, tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((name, new) for name, (_, new) in knobs.items())


def direction(axis: SearchAxis, old: Scalar, new: Scalar) -> int:
    """Return +1 if an axis's value rises, -1 if it falls, 0 for text and equal values."""
    a, b = axis.coordinate(old), axis.coordinate(new)
    return (b > a) - (b < a)


@lru_cache(maxsize=4096)
def _scalars(literal: str) -> tuple[Scalar, ...]:
    """Return the scalars of a literal, several for a tuple; empty if it is not a literal."""
    return literal_values(literal)


def _changes(attempt: Attempt, space: Space) -> dict[str, tuple[Scalar, Scalar]]:
    """Return the old and new value of each axis an attempt changed, by axis key.

    Knobs that the current file lacks are left out.
    """
    found: dict[str, tuple[Scalar, Scalar]] = {}
    for name, literals in attempt.knobs.items():
        old, new = (_scalars(literal) for literal in literals)
        if not old or len(old) != len(new):
            continue
        for axis in space.axes.values():
            if axis.knob.name == name and len(axis.knob.parts) == len(old):
                a, b = old[axis.index], new[axis.index]
                textual = [isinstance(x, str | bool) for x in (a, b, axis.value)]
                if len(set(textual)) == 1 and not same(a, b):
                    found[axis.key] = (a, b)
    return found


def _trials(briefing: Briefing, space: Space) -> Iterable[Trial]:
    changes = {a.number: _changes(a, space) for a in briefing.history}
    kept = {a.commit: a for a in briefing.history if a.verdict is Verdict.KEEP}
    values = {briefing.base: space.values}
    cursor = briefing.base
    while cursor in kept and kept[cursor].base not in values:
        step = kept[cursor]
        before = {key: old for key, (old, _) in changes[step.number].items()}
        values[step.base] = {**values[cursor], **before}
        cursor = step.base
    moved = sum(1 for a in kept.values() if changes[a.number])
    for attempt in briefing.history:
        own = changes[attempt.number]
        if attempt.verdict is Verdict.KEEP and own:
            moved -= 1
        if attempt.knobs and not own:
            continue
        after = {key: new for key, (_, new) in own.items()}
        yield Trial(
            number=attempt.number,
            base=attempt.base,
            changes=own,
            vector={**values.get(attempt.base, space.values), **after},
            # Changed by more than knobs: the knobs alone do not determine what ran.
            known=attempt.base in values and (bool(own) or attempt.number == 1),
            metric=attempt.metric,
            gain=None if attempt.verdict is Verdict.CRASH else attempt.gain,
            crashed=attempt.verdict is Verdict.CRASH,
            kept=attempt.verdict is Verdict.KEEP,
            outcome=attempt.outcome,
            age=moved,
        )


def _limits(
    space: Space, trials: tuple[Trial, ...]
) -> tuple[dict[str, float], dict[str, float], list[frozenset[Token]]]:
    """Return what crashes rule out: coordinates of axes, and combinations of values.

    Returns:
        Coordinates that axes must stay above; coordinates they must stay below; sets of values that
        crashed together.
    """
    floors: dict[str, float] = {}
    ceilings: dict[str, float] = {}
    broken: list[frozenset[Token]] = []
    fine = {pair for t in trials if not t.crashed for pair in tokens(t.vector.items())}
    code_crashes: dict[tuple[str, int], int] = {}
    for trial in trials:
        if not trial.crashed or not trial.changes:
            continue
        values = [(key, new) for key, (_, new) in trial.changes.items()]
        suspects = [(k, v) for k, v in values if (k, token(v)) not in fine] or values
        if _has_more_room(space, trial):
            continue
        broken.append(tokens(suspects))
        if len(suspects) > 1:
            continue
        key, value = suspects[0]
        axis = space.axes[key]
        sign = direction(axis, *trial.changes[key])
        if trial.outcome not in _BEYOND_IS_WORSE and axis.kind in (
            KnobKind.POWER_OF_TWO,
            KnobKind.INTEGER,
        ):
            # Usually a size that does not divide; only a second crash ends that direction.
            code_crashes[key, sign] = code_crashes.get((key, sign), 0) + 1
            if code_crashes[key, sign] < 2:
                continue
        place = axis.coordinate(value)
        ran = [axis.coordinate(t.vector[key]) for t in trials if not t.crashed]
        if sign > 0 and not any(x >= place for x in ran):
            ceilings[key] = min(ceilings.get(key, place), place)
        if sign < 0 and not any(x <= place for x in ran):
            floors[key] = max(floors.get(key, place), place)
    return floors, ceilings, broken


def _has_more_room(space: Space, trial: Trial) -> bool:
    """Return whether a trial ran out of memory with more rows per pass than the file has now."""
    pair = space.batch_axes
    if pair is None or trial.outcome is not Outcome.OUT_OF_MEMORY or pair[1] in trial.changes:
        return False
    rows = space.axes[pair[1]]
    return rows.coordinate(rows.value) < rows.coordinate(trial.vector[pair[1]])


def _context(space: Space, trials: tuple[Trial, ...]) -> int:
    guess = space.context_guess()
    pair = space.batch_axes
    if pair is None:
        return guess
    now = _quotient(space.values, pair)
    for trial in trials:
        quotient = _quotient(trial.vector, pair)
        if trial.crashed and trial.outcome is Outcome.CODE_CRASH and 0 < quotient < now:
            guess = max(guess, min(2 * quotient, now))
    return guess


def _quotient(vector: Mapping[str, Scalar], pair: tuple[str, str]) -> int:
    total, rows = vector[pair[0]], vector[pair[1]]
    return int(float(total) // max(float(rows), 1.0))
