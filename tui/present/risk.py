"""What a risk assessment found, in a word with a sign, and in lines."""

from __future__ import annotations

from engine.core.finding import Finding, Weight

_STYLES = {Weight.BLOCK: "--crash", Weight.ASK: "--attention", Weight.NOTE: "--dim"}
_SIGNS = {Weight.BLOCK: "✗", Weight.ASK: "?", Weight.NOTE: "·"}
_LINES_NAMED = 12


def heaviest(findings: tuple[Finding, ...]) -> Weight | None:
    """What the findings together ask for."""
    return next((w for w in Weight if any(f.weight is w for f in findings)), None)


def risk_of(findings: tuple[Finding, ...]) -> str:
    """The heaviest weight and how many findings there are: `ask (2)`."""
    weight = heaviest(findings)
    return "none" if weight is None else f"{weight.value} ({len(findings)})"


def weight_style(weight: Weight) -> str:
    """The component class of a weight's colour."""
    return _STYLES[weight]


def signed(weight: Weight) -> str:
    """A weight that is told apart without colour."""
    return f"{_SIGNS[weight]} {weight.value}"


def lines_named(lines: tuple[int, ...]) -> str:
    """Where it is: `line 12`, `lines 3–5, 9`; "" for the whole file."""
    if not lines:
        return ""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(lines)):
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    told = [f"{a}" if a == b else f"{a}–{b}" for a, b in spans[:_LINES_NAMED]]
    more = ", …" if len(spans) > _LINES_NAMED else ""
    return f"{'line' if told == [str(lines[0])] else 'lines'} {', '.join(told)}{more}"


def in_order(findings: tuple[Finding, ...]) -> list[Finding]:
    """The heaviest first."""
    weights = list(Weight)
    return sorted(findings, key=lambda finding: weights.index(finding.weight))
