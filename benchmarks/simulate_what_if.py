"""Simulates nights of 100 edits kept by any gain, and judges their keeps again from single runs.

All values are in σ, the standard deviation of a single run. Each edit is run once, and kept where
its value is better than that of the keep before it, as the original loop does. Then the rule
`confirm` says what stands; the simulation knows which edits have an effect. docs/what-if.md has
the table.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.figures import Figures, arguments
from benchmarks.simulate_keep_rules import IDEAS, LARGE, NULL, SMALL, Scenario
from engine.core.analysis.counterfactual import Fate, Kept, WhatIf, known_spread, what_if
from engine.core.config import ResearchConfig

SCENARIOS = (NULL, SMALL, LARGE)


@dataclass(frozen=True)
class Night:
    """A night under the rule `greedy`, judged again by `confirm`."""

    judged: WhatIf
    effects: tuple[float, ...]
    """The true gain of each keep after the baseline."""
    nulls: int
    """Number of edits without an effect."""

    def count(self, fate: Fate, *, has_effect: bool) -> int:
        """Return how many keeps with or without an effect have a fate."""
        pairs = zip(self.judged.judged, self.effects, strict=True)
        return sum(one.fate is fate and bool(effect) is has_effect for one, effect in pairs)

    @property
    def truth(self) -> float:
        """The true gain of the keeps that stand."""
        pairs = zip(self.judged.judged, self.effects, strict=True)
        return sum(effect for one, effect in pairs if one.fate is Fate.STANDS)

    @property
    def is_covered(self) -> bool:
        """Return whether the interval of the supported gain holds the true one."""
        width = self.judged.half_width(Fate.STANDS)
        return width is not None and abs(self.judged.gain(Fate.STANDS) - self.truth) <= width


def night(scenario: Scenario, dice: random.Random) -> Night:
    """Simulate one night in which a lower value is better, and judge it again at the true σ."""
    mean, value, nulls = 0.0, dice.gauss(0.0, 1.0), 0
    keeps, effects = [Kept(1, (value,))], list[float]()
    for number in range(2, IDEAS + 2):
        effect = scenario.effect if dice.random() < scenario.share else 0.0
        nulls += not effect
        measured = dice.gauss(mean - effect, 1.0)
        if measured < value:
            mean, value = mean - effect, measured
            keeps.append(Kept(number, (measured,)))
            effects.append(effect)
    return Night(what_if(keeps, ResearchConfig(), known_spread(1.0)), tuple(effects), nulls)


def summary(nights: Sequence[Night]) -> dict[str, tuple[float, str]]:
    """Return the rates over some nights, each with its unit."""
    nulls = sum(n.nulls for n in nights)
    lucky, real = (
        {fate: sum(n.count(fate, has_effect=has) for n in nights) for fate in Fate}
        for has in (False, True)
    )
    figures = {
        "kept without effect": (100 * sum(lucky.values()) / nulls, "% of edits without effect"),
        "that stand": (100 * lucky[Fate.STANDS] / nulls, "% of edits without effect"),
        "claimed by the night": (fmean(n.judged.gain(*Fate) for n in nights), "σ"),
        "true": (fmean(sum(n.effects) for n in nights), "σ"),
        "supported": (fmean(n.judged.gain(Fate.STANDS) for n in nights), "σ"),
        "true of that": (fmean(n.truth for n in nights), "σ"),
        "nights whose interval holds the true gain": (
            100 * fmean(n.is_covered for n in nights),
            "%",
        ),
    }
    if kept := sum(real.values()):
        for fate in Fate:
            figures[f"effects kept, {fate}"] = (100 * real[fate] / kept, "%")
    return figures


def main() -> int:
    """Simulate all scenarios; return 0 if few keeps without an effect stand, else 1."""
    parser = arguments(__doc__)
    parser.add_argument("--nights", type=int, default=2000, help="nights of each kind")
    options = parser.parse_args()
    figures = Figures(judge=not options.quick)
    for scenario in SCENARIOS:
        dice = random.Random(1)
        count = 50 if options.quick else options.nights
        nights = [night(scenario, dice) for _ in range(count)]
        for name, (value, unit) in summary(nights).items():
            at_most = 2.5 if name == "that stand" else None
            figures.show(f"{scenario.name}: {name}", value, unit, at_most=at_most)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
