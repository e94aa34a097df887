"""Risk rules about how much an edit changes, and how much memory it may need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

from engine.core.finding import Weight
from engine.core.patches.knobs import KnobError, Value, find_knobs
from engine.core.risk.edit import Edit
from engine.core.risk.rule import Rule, RuleHit, rule

ALWAYS_LARGE = 300
"""Changed lines of code that are too many for one idea in a file of any length."""
LARGE = 80
LARGE_SHARE = 0.5
"""Share of a file's lines above which at least LARGE changed lines are too many."""
MEMORY_RATIO = 3.0
"""Predicted multiple of the base's memory from which the user is asked, if GB are unknown."""
MEMORY_SHARE = 0.95
"""Share of the device's memory above which the user is asked, if both are known in GB."""

_FACTORS: tuple[tuple[str, float, float], ...] = (
    # name of the knob, its exponent in activations, its exponent in weights
    (r"^(DEVICE_BATCH_SIZE|MICRO_BATCH_SIZE|BATCH_SIZE)$", 1, 0),
    (r"^(MAX_SEQ_LEN|SEQ_LEN|SEQUENCE_LEN|BLOCK_SIZE|CONTEXT_LEN\w*)$", 1, 0),
    (r"^(DEPTH|N_LAYERS?|NUM_LAYERS|LAYERS)$", 1, 1),
    (r"^(ASPECT_RATIO|N_EMBD|WIDTH|MODEL_DIM|D_MODEL|HIDDEN_SIZE|HIDDEN|DIM)$", 1, 2),
    (r"^(MLP_RATIO|FFN_MULT|MLP_MULT|EXPANSION)$", 0.5, 0.6),
)


@rule("large-diff", Weight.ASK)
def large_diff(edit: Edit) -> Iterable[RuleHit]:
    """More than 300 changed lines of code, or more than half of the file and at least 80: too many
    to tell what made the difference.
    """
    old, new = edit.sides
    added, removed = _code(edit.candidate.text, new), _code(edit.base.text, old)
    changed = max(added, removed)
    length = sum(1 for line in edit.base.text.split("\n") if _is_code(line))
    if changed > ALWAYS_LARGE or (changed >= LARGE and changed > LARGE_SHARE * length):
        yield (
            (),
            f"The edit changes {added} lines and removes {removed} of {length}: too much to tell "
            "what made the difference.",
        )


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _code(text: str, numbers: set[int]) -> int:
    lines = text.split("\n")
    return sum(1 for n in numbers if n <= len(lines) and _is_code(lines[n - 1]))


@lru_cache(maxsize=4)
def _values(text: str) -> dict[str, Value]:
    return {knob.name: knob.value for knob in find_knobs(text)}


def memory_ratio(edit: Edit) -> float:
    """Return a rough prediction of the candidate's peak memory as a multiple of the base's.

    Activations grow with rows × length × layers × width, weights with layers × width²; the larger
    of the two ratios counts. Width grows with depth where it is computed from an aspect ratio. Only
    knobs at module level are considered.
    """
    if not _knob_lines(edit):
        return 1.0
    try:
        before, after = _values(edit.base.text), _values(edit.candidate.text)
    except KnobError:
        return 1.0
    activations = weights = 1.0
    by_aspect = "ASPECT_RATIO" in before
    for name, value in after.items():
        old = before.get(name)
        if not isinstance(old, int | float) or not isinstance(value, int | float):
            continue
        if old <= 0 or value <= 0:
            continue
        for pattern, in_activations, in_weights in _FACTORS:
            if re.match(pattern, name):
                grows_width = by_aspect and name == "DEPTH"
                factor = min(max(value / old, 1e-3), 1e3)
                activations *= factor ** (in_activations + grows_width)
                weights *= factor ** (in_weights + 2 * grows_width)
    # Weights are the smaller part of a run's memory, so only half of their growth counts.
    return float(max(activations, 1 + (weights - 1) / 2))


@rule("memory", Weight.ASK)
def memory(edit: Edit) -> Iterable[RuleHit]:
    """Predicted memory well above the incumbent's, from batch size, length, depth and width as a
    rough product: three times as much, or more than 95 % of the device where that is known.
    """
    ratio = memory_ratio(edit)
    used, limit = edit.context.memory_gb, edit.context.memory_limit_gb
    lines = _knob_lines(edit)
    if used is not None and limit is not None:
        if ratio > 1.2 and used * ratio > MEMORY_SHARE * limit:
            yield (
                lines,
                f"The edit may need about {used * ratio:.0f} GB (roughly {ratio:.1f} times the "
                f"incumbent's {used:.1f} GB) of the device's {limit:.0f} GB.",
            )
    elif ratio >= MEMORY_RATIO:
        yield lines, f"The edit may need roughly {ratio:.1f} times the memory of the incumbent."


def _knob_lines(edit: Edit) -> tuple[int, ...]:
    found = {
        b.node.lineno
        for b in edit.candidate.bindings
        if isinstance(b.node, ast.Assign)
        and any(re.match(p, b.name) for p, _, _ in _FACTORS)
        and b.node.lineno in edit.sides[1]
    }
    return tuple(sorted(found))


RULES: tuple[Rule, ...] = (large_diff, memory)
