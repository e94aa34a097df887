"""Chooses knob changes by Optuna's tree-structured Parzen estimator (TPE), one or two at a time.

Optuna draws whole vectors; their changes are ranked by how much more likely the new value is
than the current one among the good results, relative to the others; the best one or two are made.
See Bergstra et al., Algorithms for Hyper-Parameter Optimization (2011).
"""

from __future__ import annotations

import importlib
import math
import random
import warnings
from typing import Any

from engine.agents.search_options import SearchChoice, choose_evenly, first_open, join, open_moves
from engine.agents.search_record import Record, Trial, token
from engine.agents.search_space import Move, SearchAxis, same
from engine.core.enums import Direction
from engine.core.errors import AgentError
from engine.core.patches.knobs import KnobKind, Scalar

_STARTUP = 4
_VECTORS = 8
_PAIR_SHARE = 0.1
_BACKGROUND = 0.1
_LONGEST = 1.0
"""The longest change of an axis, in typical steps; TPE itself draws from its whole range."""


def load_optuna() -> Any:
    """Import and return the module `optuna`, an optional dependency.

    Raises:
        AgentError: Optuna is not installed.
    """
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise AgentError(
            "The policy `tpe` needs Optuna, which is not installed.",
            f"{error}.",
            "Install the extra: pip install 'autoresearch-tui[optuna]'. "
            'Or set policy = "bandit".',
        ) from None


def choose_tpe(record: Record, rng: random.Random, towards: Direction) -> SearchChoice | None:
    """Return the move TPE ranks highest; a random one while there are fewer than 4 results.

    Args:
        record: The trials so far.
        rng: The source of random numbers.
        towards: Whether a lower or a higher metric is better.

    Returns:
        The choice; None if every move has been tried.

    Raises:
        AgentError: Optuna is not installed.
    """
    optuna = load_optuna()
    scored = _scored(record, towards)
    if len(scored) < _STARTUP:
        choice = choose_evenly(record, rng)
        note = f"TPE starts after {_STARTUP} results, {len(scored)} are there: a random step."
        return choice and SearchChoice(choice.move, note=note)
    scored.sort(key=lambda pair: pair[1], reverse=True)
    good = max(math.ceil(0.1 * len(scored)), 2)
    score = _Score(record, [t for t, _ in scored[:good]], [t for t, _ in scored[good:]])
    drawn = _draw(optuna, record, scored, rng)

    def because(move: Move) -> SearchChoice:
        seen = [f"{key} at {_at(key, [t for t, _ in scored[:good]])}" for key, _ in move]
        return SearchChoice(
            move, note=f"the best {good} of {len(scored)} results have {' and '.join(seen)} (TPE)."
        )

    singles = [m for m in open_moves(record, drawn) if not record.lost_before(m)]
    ranked = sorted(singles, key=score.of, reverse=True)
    if len(ranked) > 1 and rng.random() < _PAIR_SHARE:
        pairs = [p for m in ranked[1:] if score.of(m) > 0 and (p := join(ranked[0], m))]
        if pairs := open_moves(record, pairs):
            return because(pairs[0])
    if ranked:
        return because(ranked[0])
    return first_open(record, rng, lambda moves: because(max(moves, key=score.of)))


def _scored(record: Record, towards: Direction) -> list[tuple[Trial, float]]:
    """Return trials with scores, higher is better; a crash scores below the worst result."""
    worth = {
        t.number: towards.gain(t.metric, 0.0)
        for t in record.trials
        if not t.crashed and t.metric is not None and math.isfinite(t.metric)
    }
    bad = min(worth.values(), default=0.0) - (record.spread or 1.0)
    return [(t, worth.get(t.number, bad)) for t in record.trials if t.crashed or t.number in worth]


def _at(key: str, trials: list[Trial]) -> str:
    values = list(dict.fromkeys(str(t.vector[key]) for t in trials))
    return ", ".join(values[:3]) + (" and others" if len(values) > 3 else "")


def _range(axis: SearchAxis, trials: list[Trial]) -> tuple[float, float]:
    seen = [axis.coordinate(t.vector[axis.key]) for t in trials]
    low, high = axis.reach
    return min(low, *seen), max(high, *seen) + 1e-9


def _choices(axis: SearchAxis, trials: list[Trial]) -> dict[str, Scalar]:
    part = axis.knob.parts[axis.index]
    values = [*part.choices, *(t.vector[axis.key] for t in trials)]
    return {token(value): value for value in values}


def _draw(
    optuna: Any, record: Record, scored: list[tuple[Trial, float]], rng: random.Random
) -> list[Move]:
    """Draw 8 vectors with Optuna's sampler, and return each changed axis as a move of its own.

    Each change is cut to at most one typical step.
    """
    trials = [t for t, _ in scored]
    axes = record.space.axes
    choices = {key: _choices(a, trials) for key, a in axes.items() if a.kind is KnobKind.ENUM}
    kinds = optuna.distributions
    space = {
        key: kinds.CategoricalDistribution(list(choices[key]))
        if key in choices
        else kinds.FloatDistribution(*_range(axis, trials))
        for key, axis in axes.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(
            seed=rng.getrandbits(32), n_startup_trials=0, multivariate=False, constant_liar=False
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial, worth in sorted(scored, key=lambda pair: pair[0].number):
            at = {
                key: token(trial.vector[key])
                if key in choices
                else axis.coordinate(trial.vector[key])
                for key, axis in axes.items()
            }
            study.add_trial(optuna.trial.create_trial(params=at, distributions=space, value=worth))
        vectors = [study.ask(space).params for _ in range(_VECTORS)]
    moves: dict[Move, None] = {}
    for vector in vectors:
        for key, axis in axes.items():
            if key in choices:
                value = choices[key][vector[key]]
            else:
                here = axis.coordinate(axis.value)
                step = max(min(vector[key] - here, _LONGEST), -_LONGEST)
                value = axis.at(here + step)
            if not same(value, axis.value):
                moves.setdefault(((key, value),))
    return list(moves)


class _Score:
    """Scores moves by the log odds that they lead towards the good trials, not the rest."""

    def __init__(self, record: Record, good: list[Trial], rest: list[Trial]) -> None:
        self._axes = record.space.axes
        self._good, self._rest = good, rest

    def of(self, move: Move) -> float:
        """Return the score of a move from the frontier; above 0 leads towards the good trials."""
        return sum(
            self._odds(self._axes[key], new) - self._odds(self._axes[key], self._axes[key].value)
            for key, new in move
        )

    def _odds(self, axis: SearchAxis, value: Scalar) -> float:
        return math.log(
            self._density(axis, value, self._good) / self._density(axis, value, self._rest)
        )

    def _density(self, axis: SearchAxis, value: Scalar, trials: list[Trial]) -> float:
        # Kernels one typical step wide; without any result nearby the odds are even.
        total = _BACKGROUND * len(trials)
        for trial in trials:
            if axis.kind is KnobKind.ENUM:
                total += float(same(trial.vector[axis.key], value))
            else:
                gap = axis.coordinate(trial.vector[axis.key]) - axis.coordinate(value)
                total += math.exp(-0.5 * gap * gap)
        return total / max(len(trials), 1)
