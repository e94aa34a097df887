"""Fits a Bayesian linear regression in plain Python, and draws samples of its weights."""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

Features = Mapping[Hashable, float]


@dataclass(frozen=True)
class Prior:
    """Mean and standard deviation of a regression weight before any observation."""

    mean: float
    sd: float


@dataclass(frozen=True)
class TrialRow:
    """One observation for the regression: sparse features, the value seen, its noise variance."""

    features: Features
    value: float
    variance: float


class Posterior:
    """Gaussian distribution of the regression weights after the observations.

    Its precision is P + sum(x x' / v): P that of the priors, x and v a row's features and variance.
    See Bishop, Pattern Recognition and Machine Learning (2006), section 3.3.

    Args:
        priors: Independent priors of every weight that occurs in a row or a query.
        rows: The observations.
    """

    def __init__(self, priors: Mapping[Hashable, Prior], rows: Sequence[TrialRow]) -> None:
        self._index = {name: i for i, name in enumerate(priors)}
        size = len(priors)
        precision = [[0.0] * size for _ in range(size)]
        pull = [0.0] * size
        for i, prior in enumerate(priors.values()):
            precision[i][i] = prior.sd**-2
            pull[i] = prior.mean * prior.sd**-2
        for row in rows:
            items = [(self._index[name], x) for name, x in row.features.items()]
            for i, x in items:
                pull[i] += x * row.value / row.variance
                for j, y in items:
                    precision[i][j] += x * y / row.variance
        self._root = _cholesky(precision)
        self._mean = self._back(self._forward(pull))

    def mean(self, features: Features) -> float:
        """Return the expected value of an observation with these features."""
        return sum(self._mean[self._index[name]] * x for name, x in features.items())

    def sd(self, features: Features) -> float:
        """Return the standard deviation of `mean` for these features, without observation noise."""
        point = [0.0] * len(self._mean)
        for name, x in features.items():
            point[self._index[name]] = x
        return math.sqrt(sum(x * x for x in self._forward(point)))

    def sample(self, rng: random.Random, width: float = 1.0) -> dict[Hashable, float]:
        """Draw every weight once, by name; `width` scales the deviation from the mean."""
        noise = self._back([rng.gauss(0.0, width) for _ in self._mean])
        return {name: self._mean[i] + noise[i] for name, i in self._index.items()}

    def _forward(self, b: Sequence[float]) -> list[float]:
        solved: list[float] = []
        for i, row in enumerate(self._root):
            solved.append((b[i] - sum(map(_times, row, solved))) / row[i])
        return solved

    def _back(self, b: Sequence[float]) -> list[float]:
        size = len(self._root)
        solved = [0.0] * size
        for i in range(size - 1, -1, -1):
            rest = sum(self._root[k][i] * solved[k] for k in range(i + 1, size))
            solved[i] = (b[i] - rest) / self._root[i][i]
        return solved


def _times(a: float, b: float) -> float:
    return a * b


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the Cholesky factor of a matrix: the lower triangle L, row by row, with L L' = it."""
    root: list[list[float]] = []
    for i, row in enumerate(matrix):
        new: list[float] = []
        for j in range(i):
            new.append((row[j] - sum(map(_times, new, root[j]))) / root[j][j])
        new.append(math.sqrt(max(row[i] - sum(x * x for x in new), 1e-12)))
        root.append(new)
    return root
