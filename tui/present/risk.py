"""Formats the findings of a proposal's risk assessment: weights, signs and line numbers."""

from __future__ import annotations

from engine.core.finding import Finding, Weight

_STYLES = {Weight.BLOCK: "--crash", Weight.ASK: "--attention", Weight.NOTE: "--dim"}
_SIGNS = {Weight.BLOCK: "✗", Weight.ASK: "?", Weight.NOTE: "·"}
_SPANS_SHOWN = 12


def heaviest(findings: tuple[Finding, ...]) -> Weight | None:
    """Return the heaviest weight (block, ask, note) among the findings; None without findings."""
    return next((w for w in Weight if any(f.weight is w for f in findings)), None)


def risk_of(findings: tuple[Finding, ...]) -> str:
    """Return the heaviest weight and the number of findings: `ask (2)`; `none` without findings."""
    weight = heaviest(findings)
    return "none" if weight is None else f"{weight.value} ({len(findings)})"


def weight_style(weight: Weight) -> str:
    """Return the Textual component class to paint a weight in: `--crash` for `block`."""
    return _STYLES[weight]


def weight_text(weight: Weight) -> str:
    """Return a weight with a sign before it, so that it is clear without colour: `✗ block`."""
    return f"{_SIGNS[weight]} {weight.value}"


def line_numbers(lines: tuple[int, ...]) -> str:
    """Return a finding's line numbers in words: `line 12`, `lines 3–5, 9`; at most 12 spans.

    Returns:
        "" for no lines, which means that the finding is about the whole file.
    """
    if not lines:
        return ""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(lines)):
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    texts = [f"{a}" if a == b else f"{a}–{b}" for a, b in spans[:_SPANS_SHOWN]]
    more = ", …" if len(spans) > _SPANS_SHOWN else ""
    return f"{'line' if texts == [str(lines[0])] else 'lines'} {', '.join(texts)}{more}"


def heaviest_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings sorted by weight, the heaviest first."""
    weights = list(Weight)
    return sorted(findings, key=lambda finding: weights.index(finding.weight))
