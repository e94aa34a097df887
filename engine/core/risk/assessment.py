"""The assessment itself: both texts parsed, every rule asked, findings in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import lru_cache

from engine.core.finding import Finding, Weight
from engine.core.risk import (
    clock,
    conduct,
    evaluation,
    harness,
    metric,
    model,
    notes,
    outside,
    size,
)
from engine.core.risk.edit import Edit
from engine.core.risk.rule import RiskContext, Rule
from engine.core.risk.source import ParsedSource

RULES: tuple[Rule, ...] = (
    *metric.RULES,
    *clock.RULES,
    *evaluation.RULES,
    *model.RULES,
    *harness.RULES,
    *outside.RULES,
    *conduct.RULES,
    *size.RULES,
    *notes.RULES,
)
"""The rules of this program; others come through entry points (`engine.plugins`)."""

_ORDER = {weight: place for place, weight in enumerate(Weight)}
_MOST = 12
"""Findings of one rule that are told; more would hide the others."""


def assess(
    base: str, candidate: str, setting: RiskContext, rules: Sequence[Rule] = RULES
) -> tuple[Finding, ...]:
    """What a person should know of an edit before it runs, heaviest first, then by line.

    Never raises: a text that does not parse and a rule that fails are findings of weight ask.

    Args:
        base: The text the edit starts from; what it already does is never a finding.
        candidate: The text with the edit.
        setting: Metric, harness, charter and memory of the session.
        rules: Those to apply.
    """
    if base == candidate:
        return ()
    try:
        after = ParsedSource(candidate)
    except Exception as error:
        return (_unreadable("candidate", error),)
    findings: list[Finding] = []
    try:
        before = _known(base)
    except Exception as error:
        findings.append(_unreadable("base", error))
        before = ParsedSource("")
    edit = Edit(before, after, setting)
    for one in rules:
        findings += _ask(one, edit)
    return tuple(sorted(set(findings), key=_place))


def riskiest(findings: Iterable[Finding]) -> Weight | None:
    """The heaviest weight among findings; None where there is none."""
    return min((f.weight for f in findings), key=_ORDER.__getitem__, default=None)


@lru_cache(maxsize=2)
def _known(base: str) -> ParsedSource:
    """The base of one draft is mostly the base of the next."""
    return ParsedSource(base)


def _place(finding: Finding) -> tuple[int, tuple[int, ...], str, str]:
    return _ORDER[finding.weight], finding.lines, finding.rule, finding.message


def _ask(one: Rule, edit: Edit) -> list[Finding]:
    try:
        found = itertools.islice(one.check(edit), _MOST)
        return [Finding(one.name, one.weight, tuple(lines), text) for lines, text in found]
    except Exception as error:  # a rule, maybe somebody else's, must not stop the loop
        kind = type(error).__name__
        message = f"The rule failed ({kind}), so what it looks for was not checked."
        return [Finding(one.name, Weight.ASK, (), message)]


def _unreadable(which: str, error: Exception) -> Finding:
    line = getattr(error, "lineno", None)
    why = error.msg if isinstance(error, SyntaxError) else type(error).__name__
    return Finding(
        "unreadable",
        Weight.ASK,
        (line,) if isinstance(line, int) and line > 0 else (),
        f"The {which} is not valid Python ({why}), so it cannot be assessed.",
    )
