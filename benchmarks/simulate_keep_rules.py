"""Simulates nights of 100 edits, and prints how each keep rule does on them.

All values are in σ, the standard deviation of a single run. A night has a baseline, edits of which
a share has an effect, and an incumbent that moves with each keep; the runs that calibrate and
repeat are counted. The rules are the program's own; only the training is replaced by a random
number. docs/trust.md has the table.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.figures import Figures, arguments
from engine.core.config import CONFIRM, GREEDY, MIN_DELTA, ResearchConfig
from engine.core.keep_rule import RULES
from engine.core.keep_rule.trial import Standing, Step, Trial
from engine.core.spread import Spread, pooled_spread

IDEAS = 100


@dataclass(frozen=True)
class Scenario:
    """A kind of night."""

    name: str
    share: float = 0.0
    """Share of the edits that have an effect."""
    effect: float = 0.0
    """The gain of an edit with an effect, in σ."""
    drift: float = 0.0
    """How much the box gets better during the night, in σ."""
    wild: float = 0.0
    """Share of runs that are 5 σ off, to either side."""


NULL = Scenario("no edit has an effect")
SMALL = Scenario("one in ten gains 2.5 σ", 0.1, 2.5)
LARGE = Scenario("one in ten gains 5 σ", 0.1, 5.0)
BETTER = Scenario("no effect, the box gets better by 1 σ", drift=1.0)
WORSE = Scenario("no effect, the box gets worse by 1 σ", drift=-1.0)
WILD = Scenario("no effect, one run in twenty is 5 σ off", wild=0.05)
SCENARIOS = (NULL, SMALL, LARGE, BETTER, WORSE, WILD)


@dataclass
class Night:
    """What one night ended with."""

    nulls: int = 0
    false_keeps: int = 0
    effects: int = 0
    true_keeps: int = 0
    extra_runs: int = 0
    """Runs beyond one for the baseline and one for each edit, without the closing ones."""
    claimed: float = 0.0
    """The total gain that the report's headline claims."""
    covered: bool = True
    """Whether the headline's interval holds the true total gain."""


class Simulation:
    """Simulates nights under one rule.

    Args:
        config: The config with the rule and its settings; a lower metric is better.
        scenario: The kind of night.
        seed: Seed of the random numbers.
    """

    def __init__(self, config: ResearchConfig, scenario: Scenario, seed: int = 1) -> None:
        self._config = config
        self._rule = RULES[config.rule]
        self._scenario = scenario
        self._random = random.Random(seed)
        self._groups: list[list[float]] = []
        self._done = 0.0
        self._runs = 0

    def _run(self, mean: float) -> float:
        self._runs += 1
        value = self._random.gauss(mean, 1.0)
        if self._random.random() < self._scenario.wild:
            value += self._random.choice((-5.0, 5.0))
        return value - self._scenario.drift * self._done

    def _group(self) -> list[float]:
        self._groups.append([])
        return self._groups[-1]

    @property
    def _spread(self) -> Spread | None:
        return pooled_spread(self._groups)

    def night(self) -> Night:
        """Simulate one night."""
        night, self._groups, self._runs, self._done = Night(), [], 0, 0.0
        baseline = fresh = self._group()
        fresh.extend(self._run(0.0) for _ in range(self._rule.baseline_runs(self._config)))
        mean, value, is_baseline, since = 0.0, fmean(fresh), True, 0
        spread = self._spread
        for number in range(IDEAS):
            self._done = number / IDEAS
            while self._rule.needs_incumbent(
                Standing(self._config, is_baseline, len(fresh), since, spread)
            ):
                fresh.append(self._run(mean))
                since, spread = 0, self._spread
            has_effect = self._random.random() < self._scenario.share
            candidate = mean - (self._scenario.effect if has_effect else 0.0)
            values, later = [self._run(candidate)], self._group()
            while True:
                known = fmean(fresh) if fresh else value
                trial = Trial(self._config, tuple(values), tuple(fresh), known, spread)
                step = self._rule.judge(trial).step
                if step is Step.RUN_CANDIDATE:
                    values.append(self._run(candidate))
                    later.append(values[-1])
                elif step is Step.RUN_INCUMBENT:
                    fresh.append(self._run(mean))
                    since = 0
                else:
                    break
                spread = self._spread
            since += 1
            night.nulls += not has_effect
            night.effects += has_effect
            if step is Step.KEEP:
                night.true_keeps += has_effect
                night.false_keeps += not has_effect
                mean, value, fresh, is_baseline = candidate, fmean(values), self._group(), False
        night.extra_runs = self._runs - 1 - IDEAS
        if not is_baseline:
            self._claim(night, mean, baseline[0] - value)
        return night

    def _claim(self, night: Night, mean: float, recorded: float) -> None:
        """Give a night its claimed gain: the closing measurement's, or else the recorded one."""
        night.claimed = recorded
        if not self._rule.closes:
            return
        first, last = self._group(), self._group()
        for _ in range(self._config.closing):
            first.append(self._run(0.0))
            last.append(self._run(mean))
        spread = self._spread
        assert spread is not None  # each was run twice
        night.claimed = fmean(first) - fmean(last)
        width = spread.half_width(len(first), len(last))
        night.covered = abs(night.claimed + mean) <= width


def summary(nights: Sequence[Night]) -> dict[str, float]:
    """Return the rates over some nights."""
    nulls = sum(n.nulls for n in nights)
    effects = sum(n.effects for n in nights)
    return {
        "false keeps of edits without effect": 100 * sum(n.false_keeps for n in nights) / nulls,
        "false keeps per night": fmean(n.false_keeps for n in nights),
        "effects kept": 100 * sum(n.true_keeps for n in nights) / max(1, effects),
        "extra runs per edit": sum(n.extra_runs for n in nights) / (IDEAS * len(nights)),
        "claimed gain": fmean(n.claimed for n in nights),
        "nights whose interval holds the true gain": 100 * fmean(n.covered for n in nights),
    }


_UNITS = ("%", "keeps", "%", "runs", "σ", "%")
_AIMS: dict[str, dict[int, tuple[float | None, float | None]]] = {
    NULL.name: {0: (2.5, None), 1: (2.5, None), 3: (0.4, None), 4: (0.3, None), 5: (None, 93)},
    SMALL.name: {0: (2.5, None), 2: (None, 86), 5: (None, 93)},
    LARGE.name: {0: (2.5, None), 2: (None, 99), 5: (None, 93)},
    BETTER.name: {0: (4.0, None)},
    WORSE.name: {0: (4.0, None)},
    WILD.name: {0: (5.0, None)},
}
"""By scenario and index of the figure: the rule confirm's aims, at most and at least."""


def main() -> int:
    """Simulate all scenarios under all rules; return 0 if the rule confirm met its aims, else 1."""
    parser = arguments(__doc__)
    parser.add_argument("--nights", type=int, default=600, help="nights of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--false-keeps", type=float, default=0.025)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    nights = 10 if options.quick else options.nights
    usual = options.false_keeps == 0.025 and options.repeats == 3
    figures = Figures(judge=usual and not options.quick)
    for rule in (GREEDY, MIN_DELTA, CONFIRM):
        config = ResearchConfig(
            rule=rule, min_delta=1.0, false_keeps=options.false_keeps, repeats=options.repeats
        )
        for scenario in SCENARIOS:
            simulation = Simulation(config, scenario, options.seed)
            rates = summary([simulation.night() for _ in range(nights)])
            aims = _AIMS[scenario.name] if rule == CONFIRM else {}
            for index, (name, value) in enumerate(rates.items()):
                if (index == 2 and not scenario.share) or (index == 5 and rule != CONFIRM):
                    continue
                at_most, at_least = aims.get(index, (None, None))
                title = f"{rule}, {scenario.name}: {name}"
                figures.show(title, value, _UNITS[index], at_most=at_most, at_least=at_least)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
