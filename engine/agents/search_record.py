"""What the experiments so far say about the axes of the present file. Rebuilt from the history."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from statistics import median

from engine.agents.base import Attempt, Briefing
from engine.agents.search_space import Move, SearchAxis, Space, same
from engine.core.enums import Outcome, Verdict
from engine.core.patches.knobs import KnobError, KnobKind, Scalar, find_knobs

Token = tuple[str, str]
_BEYOND_IS_WORSE = (Outcome.OUT_OF_MEMORY, Outcome.TIMEOUT, Outcome.HANG, Outcome.NAN)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A finished experiment in terms of axes."""

    number: int
    base: str
    changes: Mapping[str, tuple[Scalar, Scalar]]
    """Touched axes with old and new value; empty for the baseline."""
    vector: Mapping[str, Scalar]
    """Of all axes, as it ran."""
    known: bool
    """Whether the vector is certain: its base is on the way to the present frontier."""
    metric: float | None
    gain: float | None
    crashed: bool
    kept: bool
    outcome: Outcome | None
    age: int
    """How many times the frontier moved since."""

    @property
    def axis(self) -> str | None:
        """The one axis it touched, if it was one."""
        return next(iter(self.changes)) if len(self.changes) == 1 else None


def token(value: Scalar) -> str:
    """A scalar as a key of a set: equal for equal values, however they are written."""
    if isinstance(value, bool | str):
        return repr(value)
    return f"{float(value):.9g}"


def tokens(values: Iterable[tuple[str, Scalar]]) -> frozenset[Token]:
    """A move or a whole vector as a key of a set."""
    return frozenset((key, token(value)) for key, value in values)


@dataclass(frozen=True)
class Record:
    """All trials, and what follows from them for the next move."""

    space: Space
    trials: tuple[Trial, ...]
    spread: float | None
    """Median size of the differences that were not kept: what is usual here, in metric units."""
    context: int
    """What tokens per step over rows per pass must be a multiple of, as far as is known."""
    _vectors: frozenset[frozenset[Token]]
    _lost: frozenset[Token]
    _floors: Mapping[str, float] = field(default_factory=dict)
    _ceilings: Mapping[str, float] = field(default_factory=dict)
    _broken: frozenset[frozenset[Token]] = frozenset()
    _vetoed: frozenset[frozenset[tuple[str, str]]] = frozenset()
    """Knobs with the literals a person refused, or that wait to be tried."""
    _banned: frozenset[str] = frozenset()
    """Knobs a person does not want touched."""

    @classmethod
    def of(cls, briefing: Briefing, space: Space) -> Record:
        """The record of a briefing's history, seen from its frontier."""
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
            _vetoed=frozenset(
                frozenset((name, new) for name, (_, new) in knobs.items())
                for knobs in (
                    *(veto.knobs for veto in briefing.vetoes),
                    *(waiting.knobs for waiting in briefing.pending),
                )
                if knobs
            ),
            _banned=frozenset(
                word for text in briefing.banned for word in re.findall(r"[A-Z][A-Z0-9_]+", text)
            ),
        )

    def is_new(self, move: Move) -> bool:
        """Whether what results was never measured, here or on the way to here."""
        old = {(key, token(self.space.axes[key].value)) for key, _ in move}
        return (self._frontier - old) | tokens(move) not in self._vectors

    @cached_property
    def _frontier(self) -> frozenset[Token]:
        return tokens(self.space.values.items())

    def is_allowed(self, move: Move) -> bool:
        """Whether neither a crash nor the person speaks against it."""
        if (self._vetoed or self._banned) and self._is_unwanted(move):
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
        changed = frozenset((name, new) for name, (_, new) in literals.items())
        return changed in self._vetoed or not self._banned.isdisjoint(literals)

    def lost_before(self, move: Move) -> bool:
        """Whether one of its values clearly lost, here or on an earlier frontier."""
        return any((key, token(value)) in self._lost for key, value in move)

    def limits(self, key: str) -> tuple[float | None, float | None]:
        """The coordinates of an axis that crashes forbid to reach, from below and from above."""
        return self._floors.get(key), self._ceilings.get(key)

    def on(self, key: str, sign: int = 0) -> list[Trial]:
        """Trials that touched an axis, optionally only those that moved it up (+1) or down (-1)."""
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

    def longest_helpful_step(self, key: str, sign: int) -> float:
        """Return the longest step up (+1) or down (-1) an axis that gave a gain; 0 without one."""
        if (key, sign) not in self._helpful_steps:
            place = self.space.axes[key].coordinate
            self._helpful_steps[key, sign] = max(
                (
                    abs(place(t.changes[key][1]) - place(t.changes[key][0]))
                    for t in self.on(key, sign)
                    if t.gain is not None and t.gain > 0
                ),
                default=0.0,
            )
        return self._helpful_steps[key, sign]

    @cached_property
    def _helpful_steps(self) -> dict[tuple[str, int], float]:
        return {}


def direction(axis: SearchAxis, old: Scalar, new: Scalar) -> int:
    """+1 up, -1 down, 0 for words."""
    a, b = axis.coordinate(old), axis.coordinate(new)
    return (b > a) - (b < a)


@lru_cache(maxsize=4096)
def _scalars(literal: str) -> tuple[Scalar, ...]:
    """The parts of a literal's value; none where the text is no literal."""
    try:
        knobs = find_knobs(f"X = ({literal})")
    except KnobError:
        return ()
    return tuple(part.value for part in knobs[0].parts) if len(knobs) == 1 else ()


def _changes(attempt: Attempt, space: Space) -> dict[str, tuple[Scalar, Scalar]]:
    """An attempt's knobs as axes of the present file; those it no longer has are left out."""
    found: dict[str, tuple[Scalar, Scalar]] = {}
    for name, literals in attempt.knobs.items():
        old, new = (_scalars(literal) for literal in literals)
        if not old or len(old) != len(new):
            continue
        for axis in space.axes.values():
            if axis.knob.name == name and len(axis.knob.parts) == len(old):
                a, b = old[axis.index], new[axis.index]
                words = [isinstance(x, str | bool) for x in (a, b, axis.value)]
                if len(set(words)) == 1 and not same(a, b):
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
        mine = changes[attempt.number]
        if attempt.verdict is Verdict.KEEP and mine:
            moved -= 1
        if attempt.knobs and not mine:
            continue
        after = {key: new for key, (_, new) in mine.items()}
        yield Trial(
            number=attempt.number,
            base=attempt.base,
            changes=mine,
            vector={**values.get(attempt.base, space.values), **after},
            # A patch beyond the knobs made this one; the knobs alone do not say what it was.
            known=attempt.base in values and (bool(mine) or attempt.number == 1),
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
    """Where crashes end each axis, and the values that broke it by themselves."""
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
            # Mostly a size that does not divide; only the second one ends that direction.
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
    """Whether a run that needed too much memory would have fewer rows per pass today."""
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
