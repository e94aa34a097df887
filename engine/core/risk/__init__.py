"""What is risky about an edit of the training file, found by comparing it with its base.

    findings = assess(base, candidate, RiskContext(metric="val_bpb"))
    if riskiest(findings) is Weight.BLOCK: …

The parts: `source` reads one text, `folding` what its texts say, `edit` compares two of them,
`guarded` follows a value back to what makes it, `measured` knows where a text measures. The rules
stand by matter in `metric`, `clock`, `evaluation`, `harness`, `outside`, `conduct`, `size` and
`notes`; `docs/risk.md` lists them.
"""

from __future__ import annotations

from engine.core.finding import Finding, Weight
from engine.core.risk.assessment import RULES, assess, riskiest
from engine.core.risk.edit import Edit
from engine.core.risk.rule import RiskContext, Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource

__all__ = [
    "RULES",
    "Edit",
    "Finding",
    "ParsedSource",
    "RiskContext",
    "Rule",
    "RuleHit",
    "Weight",
    "assess",
    "riskiest",
    "rule",
]
