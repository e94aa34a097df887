"""Formats the experiments so far as prompt text, and fences untrusted text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from engine.agents.base import Attempt
from engine.agents.llm.answer import HYPOTHESIS_CHARACTERS
from engine.core.config import ResearchConfig
from engine.core.enums import CATEGORIES, Direction, Verdict
from engine.core.text import one_line, sanitize

BEST = 5
DETAIL_LINES, DETAIL_CHARACTERS = 30, 2000
_CURVE_POINTS = 6


def _result(attempt: Attempt) -> str:
    parts = [attempt.verdict.value]
    if attempt.metric is not None:
        parts.append(f"{attempt.metric:.9g}")
    elif attempt.outcome is not None:
        parts.append(attempt.outcome.value)
    if attempt.gain is not None:
        parts.append(f"gain {attempt.gain:+.3g}")
    return ", ".join(parts)


def in_brief(attempt: Attempt) -> str:
    """Return an experiment as one line of a prompt: number, category, hypothesis, result."""
    category = one_line(attempt.category, 30)
    hypothesis = one_line(attempt.hypothesis, HYPOTHESIS_CHARACTERS)
    return f"- {attempt.number} [{category}] {hypothesis} → {_result(attempt)}\n"


def in_full(attempt: Attempt, config: ResearchConfig) -> str:
    """Return an experiment as a Markdown section of a prompt, with the details that are known."""
    lines = [f"## Experiment {attempt.number}\n"]
    reason = one_line(attempt.reason, HYPOTHESIS_CHARACTERS)
    facts = [
        ("hypothesis", one_line(attempt.hypothesis, HYPOTHESIS_CHARACTERS)),
        ("category", one_line(attempt.category, 30)),
        ("rationale", one_line(attempt.rationale, 1000)),
        ("verdict", f"{attempt.verdict.value}: {reason}".removesuffix(": ")),
        ("run", attempt.outcome.value if attempt.outcome is not None else ""),
        (one_line(config.metric), "" if attempt.metric is None else f"{attempt.metric:.9g}"),
        ("gain", "" if attempt.gain is None else f"{attempt.gain:+.3g} (positive is better)"),
        ("memory", "" if attempt.memory_gb is None else f"{attempt.memory_gb:.1f} GB"),
        ("seconds", f"{attempt.seconds:.0f}" if attempt.seconds else ""),
        ("loss", _curve(attempt.curve)),
    ]
    lines += [f"- {name}: {value}" for name, value in facts if value]
    detail = log_end(attempt.detail)
    if detail:
        lines.append(f"- end of its log:\n\n{fenced(detail)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    last = len(points) - 1
    steps = min(_CURVE_POINTS - 1, last)
    chosen = [points[round(i * last / steps)] for i in range(steps + 1)] if steps > 0 else points
    return " → ".join(f"{share:.0%} {loss:.4g}" for share, loss in chosen)


def best(history: Sequence[Attempt], config: ResearchConfig) -> list[str]:
    """Return a list with a prompt section on the five best kept experiments; empty if none."""
    sign = 1 if config.direction is Direction.MIN else -1
    kept = [
        (sign * a.metric, a)
        for a in history
        if a.verdict is Verdict.KEEP and a.metric is not None and math.isfinite(a.metric)
    ]
    kept.sort(key=lambda pair: (pair[0], pair[1].number))
    if not kept:
        return []
    return ["# The best kept ones\n\n" + "".join(in_brief(attempt) for _, attempt in kept[:BEST])]


def by_category(history: Sequence[Attempt]) -> list[str]:
    """Return a list with a prompt section that counts verdicts by category; empty if none."""
    tried = [a for a in history if a.patch_id and a.category != "baseline"]
    if not tried:
        return []
    counts: dict[str, Counter[Verdict]] = {name: Counter() for name in CATEGORIES}
    for attempt in tried:
        name = attempt.category if attempt.category in counts else "other"
        counts[name][attempt.verdict] += 1
    lines = [
        f"- {name}: {count.total()} tried, {count[Verdict.KEEP]} kept, "
        f"{count[Verdict.DISCARD]} discarded, {count[Verdict.CRASH]} crashed\n"
        for name, count in counts.items()
    ]
    dead = [n for n, c in counts.items() if c.total() >= 3 and not c[Verdict.KEEP]]
    few = [n for n, c in counts.items() if n != "other" and c.total() <= len(tried) / 20]
    lines.append(f"\nDead ends so far (3 or more tried, none kept): {', '.join(dead) or 'none'}.\n")
    lines.append(f"Hardly tried: {', '.join(few) or 'none'}.\n")
    return ["# By category\n\n" + "".join(lines)]


def fenced(text: str, language: str = "") -> str:
    """Return text in a Markdown code fence longer than any within it, which it cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    ending = "" if text.endswith("\n") or not text else "\n"
    return f"{fence}{language}\n{text}{ending}{fence}\n"


def log_end(text: str) -> str:
    """Return the end of a log, sanitized: at most 30 lines and 2,000 characters."""
    lines = sanitize(text[-10 * DETAIL_CHARACTERS :]).strip("\n").split("\n")
    return "\n".join(lines[-DETAIL_LINES:])[-DETAIL_CHARACTERS:].strip("\n")
