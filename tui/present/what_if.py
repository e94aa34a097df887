"""Formats which keeps would stand under another keep rule or σ, as text, marks and JSON."""

from __future__ import annotations

import math
from typing import Any

from engine.core.analysis.counterfactual import Fate, WhatIf
from engine.core.spread import Spread
from engine.core.text import plural
from tui.present.lines import TextLine
from tui.present.numbers import MINUS

MARKS: dict[Fate, TextLine] = {
    Fate.STANDS: ("✓ stands", "--keep"),
    Fate.REPEATED: ("? repeat", "--attention"),
    Fate.DISCARDED: ("↓ discard", "--discard"),
}
"""The sign and word of each fate, and the Textual component class to paint it in."""


def what_if_lines(answer: WhatIf) -> list[str]:
    """Return the answer in one or two sentences, each a line of text."""
    if not answer.judged:
        return [f"Nothing was kept after the baseline: {answer.config.rule} has nothing to judge."]
    kept = len(answer.judged)
    at = f" at {sigma_text(answer.spread)}" if answer.spread is not None else ""
    lines = [
        f"Under {answer.config.rule}{at}, {answer.count(Fate.STANDS)} of {plural(kept, 'keep')} "
        f"{'stands' if kept == 1 else 'stand'}; supported gain {gain_of(answer, Fate.STANDS)} "
        f"of {gain_of(answer, *Fate)}."
    ]
    parts = []
    if again := answer.count(Fate.REPEATED):
        parts.append(f"{again} would have been run again ({gain_of(answer, Fate.REPEATED)})")
    if lost := answer.count(Fate.DISCARDED):
        parts.append(f"{lost} would have been discarded ({gain_of(answer, Fate.DISCARDED)})")
    if parts:
        tail = "; what more runs would have shown cannot be told from here" if again else ""
        lines.append(f"{', '.join(parts)}{tail}.")
    return lines


def gain_of(answer: WhatIf, *fates: Fate) -> str:
    """Return the gain of all keeps with these fates, with its 95 % interval: `0.0194 ± 0.0016`."""
    gain, width = answer.gain(*fates), answer.half_width(*fates)
    interval = f" ± {width:.2g}" if width else ""
    return f"{_number(gain, width)}{interval}"


def sigma_text(spread: Spread) -> str:
    """Return σ as `σ 0.0004`; an estimate with what it is from and its upper bound."""
    if math.isinf(spread.degrees):
        return f"σ {spread.sigma:.4g}"
    return (
        f"σ {spread.sigma:.2g} (at most {spread.upper:.2g}; "
        f"{spread.runs} runs of {plural(spread.commits, 'commit')})"
    )


def coarse_note(name: str, coarse: tuple[int, float] | None, spread: Spread | None) -> str:
    """Return a warning where a metric's steps are larger than σ; "" where they are not.

    Args:
        name: The metric's name, sanitized.
        coarse: Number of distinct values and their smallest distance, from `coarse_step`.
        spread: σ; None where it is unknown.
    """
    if coarse is None or (spread is not None and spread.sigma >= coarse[1]):
        return ""
    count, step = coarse
    return (
        f"{name} has only {count} distinct values, at least {step:.4g} apart: single values cannot "
        "show a σ smaller than that, so a step of one is weak evidence."
    )


def what_if_facts(answer: WhatIf, notes: list[str]) -> dict[str, Any]:
    """Return the answer as plain values for JSON.

    Args:
        answer: The answer.
        notes: Warnings as sentences.
    """
    spread = answer.spread
    given = spread is not None and math.isinf(spread.degrees)
    facts: dict[str, Any] = {
        "rule": answer.config.rule,
        "sigma": spread.sigma if spread is not None else None,
        "sigma_is_given": given,
        "degrees_of_freedom": spread.degrees if spread is not None and not given else None,
        "kept": len(answer.judged),
        "gain": answer.gain(*Fate),
        "gain_half_width": answer.half_width(*Fate),
    }
    for fate in Fate:
        facts[fate.value] = {
            "count": answer.count(fate),
            "gain": answer.gain(fate),
            "half_width": answer.half_width(fate),
        }
    keeps = [
        {
            "experiment": one.number,
            "gain": one.gain,
            "half_width": one.half_width,
            "runs": one.runs,
            "fate": one.fate.value,
        }
        for one in answer.judged
    ]
    return {**facts, "notes": notes, "keeps": keeps}


def _number(gain: float, width: float | None) -> str:
    """Return a gain with two digits more than its interval has, at most 6 significant ones."""
    if not width or not gain:
        return f"{gain:.6g}".replace("-", MINUS)
    digits = math.floor(math.log10(abs(gain))) - math.floor(math.log10(width)) + 2
    return f"{gain:.{min(6, max(1, digits))}g}".replace("-", MINUS)
