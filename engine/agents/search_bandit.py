"""Chooses knob changes by Thompson sampling over knobs, directions and step sizes: the bandit.

Each axis is given a curve `gain(d) = a d - q d^2 / 2` of the distance d from the frontier, each
word of an enum a gain of its own, and each frontier an offset, because a lucky incumbent makes all
that follows look worse. These are fitted together to the differences measured so far (Bayesian
linear regression); one plausible set of curves is drawn, and the best move under it is proposed.
So a success makes more of the same likely, and longer; failures turn the direction or shorten the
step; what is unknown is tried in the order of its prior.
See Russo et al., A Tutorial on Thompson Sampling (2018).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Hashable
from statistics import fmean

from engine.agents.search_model import Features, Posterior, Prior, TrialRow
from engine.agents.search_options import SearchChoice, first_open, join, open_moves
from engine.agents.search_record import Record, Trial, token
from engine.agents.search_space import Move, SearchAxis
from engine.core.patches.knob_kinds import knob_word
from engine.core.patches.knobs import KnobKind, Scalar

_IMPORTANCE: tuple[tuple[str, float], ...] = (
    (r"(^|_)LRS?(_|$)|LEARNING_RATE", 1.0),
    (r"TOTAL_BATCH|^BATCH|DEPTH|LAYERS?|ASPECT|WIDTH|N_?EMBD?|MODEL_DIM", 1.0),
    (r"WARMDOWN|COOLDOWN|DECAY|WARMUP|FINAL", 0.8),
    (r"BETA|MOMENTUM|HEAD|WINDOW|DEVICE_BATCH|MLP|LAMBDA|SCALE|STD|INIT", 0.6),
)
"""Patterns of knob names, each with its knobs' expected importance; learning rates have 1."""

_CRASH = -1.5
_NOISE = 0.45
_FARTHEST = 8.0


def importance(key: str) -> float:
    """Return how much a knob is expected to matter, guessed from its name: 0.45 to 1."""
    word = knob_word(key)
    return next((weight for pattern, weight in _IMPORTANCE if re.search(pattern, word)), 0.45)


class Bandit:
    """Curves of the expected gain over each knob's values, fitted to one record of trials."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._effects: dict[Move, Features] = {}
        self._axes = record.space.axes
        self._scale = record.spread or 1.0
        trials = [t for t in record.trials if t.changes and (t.crashed or t.gain is not None)]
        noise = _NOISE
        self._posterior = self._fit(trials, noise)
        if len(trials) >= 10:
            misses = [
                (self._seen(t) - self._posterior.mean(self._features(t))) ** 2
                for t in trials
                if not t.crashed
            ]
            noise = min(max(math.sqrt(fmean(misses or [noise**2])), 0.15), 1.0)
            self._posterior = self._fit(trials, noise)

    def _fit(self, trials: list[Trial], noise: float) -> Posterior:
        priors: dict[Hashable, Prior] = {}
        for key, axis in self._axes.items():
            weight = importance(key)
            if axis.kind is not KnobKind.ENUM:
                priors[key, "slope"] = Prior(0.0, weight)
                priors[key, "bend"] = Prior(0.3 * weight, 0.4 * weight)
        rows = []
        for trial in trials:
            features = self._features(trial)
            for name in features:
                if name not in priors:
                    is_offset = isinstance(name, tuple) and name[0] == "base"
                    priors[name] = Prior(0.0, noise if is_offset else 0.6)
            rows.append(TrialRow(features, self._seen(trial), noise**2 * (1.0 + 0.1 * trial.age)))
        for move in self._record.space.moves(wide=True):
            for name in self.effect(move):
                priors.setdefault(name, Prior(-0.1, 0.6))
        return Posterior(priors, rows)

    def _seen(self, trial: Trial) -> float:
        """Return a trial's gain as the fit uses it; a fixed penalty for a crash.

        The unit is the record's `spread`; large gains are compressed by asinh.
        """
        if trial.crashed or trial.gain is None:
            return _CRASH
        return math.asinh(trial.gain / self._scale)

    def _features(self, trial: Trial) -> Features:
        found: dict[Hashable, float] = {("base", trial.base): 1.0}
        for key, (old, new) in trial.changes.items():
            _add_effect(found, self._axes[key], old, new)
        return found

    def effect(self, move: Move) -> Features:
        """Return a move's regression features: the factor of each weight in its gain, by weight."""
        if move not in self._effects:
            self._effects[move] = self._effect(move)
        return self._effects[move]

    def _effect(self, move: Move) -> Features:
        found: dict[Hashable, float] = {}
        for key, value in move:
            axis = self._axes[key]
            _add_effect(found, axis, axis.value, value)
        return found

    def forecast(self, move: Move) -> tuple[float, float]:
        """Return the expected gain of a move and its standard deviation, in metric units."""
        features = self.effect(move)
        mean, sd = self._posterior.mean(features), self._posterior.sd(features)
        return math.sinh(max(min(mean, 5.0), -5.0)) * self._scale, sd * self._scale

    def draw(self, rng: random.Random, width: float) -> dict[Hashable, float]:
        """Draw one set of regression weights from the posterior, by feature name.

        Args:
            rng: The source of random numbers.
            width: Factor on the spread of the draw around the posterior's mean.
        """
        weights = self._posterior.sample(rng, width)
        return {
            name: max(w, 0.02) if isinstance(name, tuple) and name[1] == "bend" else w
            for name, w in weights.items()
        }

    def expects_gain(self, move: Move) -> bool:
        """Return whether all axes of a move were tried and its expected gain is above 0."""
        tried = all(self._record.on(key) for key, _ in move)
        return tried and self._posterior.mean(self.effect(move)) > 0.0


def _add_effect(found: dict[Hashable, float], axis: SearchAxis, old: Scalar, new: Scalar) -> None:
    if axis.kind is KnobKind.ENUM:
        for value, sign in ((new, 1.0), (old, -1.0)):
            if token(value) != token(axis.value):
                name = (axis.key, "is " + token(value))
                found[name] = found.get(name, 0.0) + sign
        return
    here = axis.coordinate(axis.value)
    a, b = (max(min(axis.coordinate(value) - here, _FARTHEST), -_FARTHEST) for value in (old, new))
    found[axis.key, "slope"] = b - a
    found[axis.key, "bend"] = -0.5 * (b * b - a * a)


_WIDTH = 0.8
_PAIR_SHARE = 0.4


def is_in_reach(record: Record, move: Move) -> bool:
    """Return whether each knob of a move stays within `Record.reach` of its current value.

    `Record.reach` is in coordinates of the search space. A knob with a fixed set of values is
    always within reach.
    """
    for key, value in move:
        axis = record.space.axes[key]
        if axis.kind is KnobKind.ENUM:
            continue
        size = axis.coordinate(value) - axis.coordinate(axis.value)
        if abs(size) > record.reach(key, 1 if size > 0 else -1):
            return False
    return True


def choose_bandit(record: Record, bandit: Bandit, rng: random.Random) -> SearchChoice | None:
    """Return the best move under one draw of the curves, sometimes two good moves combined.

    None if every move has been tried.
    """
    weights = bandit.draw(rng, _WIDTH)

    def value(move: Move) -> float:
        return sum(weights[name] * x for name, x in bandit.effect(move).items())

    def pick(moves: list[Move]) -> SearchChoice:
        best = max([m for m in moves if is_in_reach(record, m)] or moves, key=value)
        if not all(record.on(key) for key, _ in best):
            return SearchChoice(best)
        gain, doubt = bandit.forecast(best)
        return SearchChoice(best, gain, doubt)

    single = first_open(record, rng, pick)
    if rng.random() < _PAIR_SHARE:
        singles = [
            m
            for m in record.space.moves()
            if bandit.expects_gain(m) and value(m) > 0 and is_in_reach(record, m)
        ]
        singles = sorted(singles, key=value, reverse=True)[:8]
        joined = [join(a, b) for i, a in enumerate(singles) for b in singles[:i]]
        pairs = open_moves(record, [m for m in joined if m is not None])
        if pairs:
            return pick(pairs)
    return single
