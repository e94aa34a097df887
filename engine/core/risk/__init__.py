"""Assesses the risks of an edit of the training file, compared with the text before it.

    findings = assess_files(base, candidate, RiskContext(metric="val_bpb"))
    if riskiest(findings) is Weight.BLOCK: …

`tree` parses a text, `bindings` and `names` resolve its names, `folding` computes its text
expressions, `source` resolves its paths, `edit` compares two texts. `slicing`, `guarded` and
`measured` find how a value is measured. `execution`, `timed` and `training` find what runs when,
and what of it trains; `specialized` and `numbers` compute what code does in one mode or step.
`rule` defines a rule; the rules are, by topic, in `metric`, `clock`, `uncounted`, `evaluation`,
`model`, `state`, `causality`, `harness`, `outside`, `conduct`, `size` and `notes`.
`files` assesses several files, and those that are not Python.
`docs/risk.md` lists the rules; `docs/adding-a-risk-rule.md` shows how to add one.
"""

from __future__ import annotations

from engine.core.finding import Finding, Weight
from engine.core.risk.assessment import RULES, assess, riskiest
from engine.core.risk.context import RiskContext
from engine.core.risk.edit import Edit, Fact, lines_of
from engine.core.risk.files import assess_files
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource

__all__ = [
    "RULES",
    "Edit",
    "Fact",
    "Finding",
    "ParsedSource",
    "RiskContext",
    "Rule",
    "RuleHit",
    "Weight",
    "assess",
    "assess_files",
    "lines_of",
    "riskiest",
    "rule",
]
