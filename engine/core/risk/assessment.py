"""Assesses an edit: parses the text before and after, and applies every risk rule."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import lru_cache

from engine.core.finding import Finding, Weight
from engine.core.risk import (
    causality,
    clock,
    conduct,
    evaluation,
    harness,
    metric,
    model,
    notes,
    outside,
    size,
    state,
    uncounted,
)
from engine.core.risk.context import RiskContext
from engine.core.risk.edit import Edit
from engine.core.risk.rule import Rule
from engine.core.risk.source import ParsedSource

RULES: tuple[Rule, ...] = (
    *metric.RULES,
    *clock.RULES,
    *uncounted.RULES,
    *evaluation.RULES,
    *model.RULES,
    *state.RULES,
    *causality.RULES,
    *harness.RULES,
    *outside.RULES,
    *conduct.RULES,
    *size.RULES,
    *notes.RULES,
)
"""The built-in risk rules; `engine.plugins` adds those of other packages."""

_ORDER = {weight: index for index, weight in enumerate(Weight)}
_MOST_PER_RULE = 12
"""Number of findings reported for one rule at most; more would hide those of the others."""


def assess(
    base: str, candidate: str, context: RiskContext, rules: Sequence[Rule] = RULES
) -> tuple[Finding, ...]:
    """Return the findings of all rules about an edit; empty if there is none.

    They are sorted by weight, heaviest first, then by line. A text that does not parse and a
    rule that fails give findings of weight ask; nothing is raised.

    Args:
        base: The training file before the edit; what it already does is never a finding.
        candidate: The training file after the edit.
        context: The session's metric, harness, program.md and memory.
        rules: The rules to apply.
    """
    if base == candidate:
        return ()
    try:
        after = ParsedSource(candidate)
    except Exception as error:
        return (_unreadable("candidate", error),)
    findings: list[Finding] = []
    try:
        before = _parse_base(base)
    except Exception as error:
        findings.append(_unreadable("base", error))
        before = ParsedSource("")
    edit = Edit(before, after, context)
    for rule in rules:
        findings += _apply(rule, edit)
    return by_weight(findings)


def by_weight(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings without duplicates, sorted by weight, heaviest first, then by line."""
    return tuple(sorted(set(findings), key=_sort_key))


def riskiest(findings: Iterable[Finding]) -> Weight | None:
    """Return the heaviest weight among findings; None without findings."""
    return min((f.weight for f in findings), key=_ORDER.__getitem__, default=None)


@lru_cache(maxsize=2)
def _parse_base(base: str) -> ParsedSource:
    """Parse a base, with a cache: it is often the base of the next candidate as well."""
    return ParsedSource(base)


def _sort_key(finding: Finding) -> tuple[int, tuple[int, ...], str, str]:
    return _ORDER[finding.weight], finding.lines, finding.rule, finding.message


def _apply(rule: Rule, edit: Edit) -> list[Finding]:
    try:
        found = itertools.islice(rule.check(edit), _MOST_PER_RULE)
        return [Finding(rule.name, rule.weight, tuple(lines), text) for lines, text in found]
    except Exception as error:  # a faulty rule, maybe of another package, must not stop the loop
        kind = type(error).__name__
        message = f"The rule failed ({kind}), so its check was not made."
        return [Finding(rule.name, Weight.ASK, (), message)]


def _unreadable(which: str, error: Exception) -> Finding:
    line = getattr(error, "lineno", None)
    why = error.msg if isinstance(error, SyntaxError) else type(error).__name__
    return Finding(
        "unreadable",
        Weight.ASK,
        (line,) if isinstance(line, int) and line > 0 else (),
        f"The {which} is not valid Python ({why}), so it could not be assessed.",
    )
