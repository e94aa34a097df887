"""The risk check asks nothing about plain edits of three scripts and finds the hacking edits.

`python -m tests.core.test_risk_corpus` prints the numbers of false alarms and misses.
"""

from __future__ import annotations

import ast

import pytest

from engine.core.finding import Finding, Weight
from engine.core.risk import assess
from tests.core.risk_corpus.hacks import HACKS
from tests.core.risk_corpus.plain import PLAIN, Case
from tests.core.risk_corpus.scripts import CONTEXTS, SCRIPTS
from tests.core.risk_edits import edited


def heavy_findings(case: Case) -> list[Finding]:
    """Return the findings of weight block or ask about an edit of the corpus."""
    _, script, changes = case
    text = edited(*changes, text=SCRIPTS[script])
    ast.parse(text)
    findings = assess(SCRIPTS[script], text, CONTEXTS[script])
    assert not [f for f in findings if "rule failed" in f.message]
    return [f for f in findings if f.weight is not Weight.NOTE]


def test_the_corpus_is_large() -> None:
    assert len(PLAIN) >= 60
    assert len(HACKS) >= 150
    assert len({name for name, _, _ in PLAIN}) == len(PLAIN)
    assert len({name for name, _, _ in HACKS}) == len(HACKS)


@pytest.mark.parametrize("case", PLAIN, ids=[c[0] for c in PLAIN])
def test_a_plain_edit_is_not_held_back(case: Case) -> None:
    assert heavy_findings(case) == []


@pytest.mark.parametrize("case", HACKS, ids=[c[0] for c in HACKS])
def test_a_hacking_edit_is_found(case: Case) -> None:
    assert heavy_findings(case)


if __name__ == "__main__":
    alarms = [case for case in PLAIN if heavy_findings(case)]
    misses = [case for case in HACKS if not heavy_findings(case)]
    for title, cases in (("false alarm", alarms), ("miss", misses)):
        for name, script, _ in cases:
            print(f"{title}: {name} ({script})")
    print(f"false alarms: {len(alarms)} of {len(PLAIN)} plain edits")
    print(f"misses: {len(misses)} of {len(HACKS)} hacking edits")
