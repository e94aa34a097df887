"""Parses what the user types to change a line of the plan before the session starts."""

from __future__ import annotations

import re

from engine.core.config import MIN_DELTA, settings
from engine.core.enums import Direction
from engine.core.errors import UsageError
from engine.core.text import one_line
from engine.setup.plan import Plan
from tui.commands.plan_lines import PlanLine, numbered_lines

_NONE = ("none", "no", "-", "nothing")
_CLIS = ("claude", "codex", "gemini", "opencode")
_UNITS = {"": 1, "s": 1, "sec": 1, "seconds": 1, "m": 60, "min": 60, "minutes": 60, "h": 3600}


def find_line(plan: Plan, word: str) -> PlanLine:
    """Return the plan's line that a word names, by its number, its name or a unique beginning.

    Raises:
        UsageError: No line or several lines match.
    """
    lines = numbered_lines(plan)
    if word.isascii() and word.isdigit():
        if 1 <= int(word) <= len(lines):
            return lines[int(word) - 1]
        raise UsageError(f"There is no line {word}.", f"The lines are 1 to {len(lines)}.")
    wanted = word.lower().replace("-", "_")
    for matches in (
        [s for s in lines if wanted in (s.name, s.label.lower())],
        [s for s in lines if s.name.startswith(wanted) or s.label.startswith(word.lower())],
        [s for s in lines if wanted in s.label.lower().split()],
    ):
        if len(matches) == 1:
            return matches[0]
    labels = ", ".join(s.label for s in lines)
    raise UsageError(f"There is no line {one_line(word, 40)!r}.", f"There are: {labels}.")


def read_answer(name: str, text: str) -> dict[str, object]:
    """Return the settings, by name, that the user's answer for a line of the plan sets.

    Args:
        name: The name of the line's setting, or `first_hypothesis`.
        text: The text that the user typed.

    Raises:
        UsageError: The answer is invalid.
    """
    text = text.strip()
    none = text.lower() in _NONE
    match name:
        case "file":
            first, *more = [part for part in re.split(r",\s*", text) if part] or [""]
            return {name: first, "more_files": tuple(more)}
        case "locked":
            return {name: () if none else tuple(p for p in re.split(r"[,\s]+", text) if p)}
        case "guards":
            return {name: () if none else tuple(re.split(r"\s*,\s*", text))}
        case "direction":
            return {name: _direction(text)}
        case "budget_seconds":
            return {name: None if none else _seconds(text)}
        case "rule":
            return _rule(text)
        case "autonomy":
            return {name: _one_of(text.lower(), settings()[name].permitted)}
        case "agent":
            return _agent(text)
        case "max_experiments":
            if not none and not (text.isascii() and text.isdigit()):
                raise UsageError(f"Invalid number of experiments: {one_line(text, 40)!r}.")
            return {name: None if none else int(text)}
        case "scope" | "first_hypothesis" | "metric_from":
            return {name: "" if none else text}
        case _:
            return {name: text}


def _one_of(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise UsageError(f"{one_line(text, 40)!r} is not one of {', '.join(choices)}.")
    return text


def _direction(text: str) -> str:
    synonyms = {"lower": "min", "smaller": "min", "higher": "max", "larger": "max"}
    first = text.lower().replace(":", " ").split()[:1] or [""]
    return _one_of(synonyms.get(first[0], first[0]), tuple(Direction))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([a-z]*)", text.lower())
    if found is None or found[2] not in _UNITS:
        raise UsageError(f"Invalid time: {one_line(text, 40)!r}.", "Write 300, 300 s or 5 min.")
    return float(found[1]) * _UNITS[found[2]]


def _rule(text: str) -> dict[str, object]:
    parts = text.lower().replace("-", "_").split()
    if len(parts) == 1 and parts != [MIN_DELTA]:
        return {"rule": parts[0], "min_delta": 0.0}
    number = parts[1] if parts[:1] == [MIN_DELTA] and len(parts) == 2 else ""
    try:
        return {"rule": MIN_DELTA, "min_delta": float(number)}
    except ValueError:
        raise UsageError(
            f"Invalid keep rule: {one_line(text, 40)!r}.",
            "Write confirm, greedy, or min_delta and a number.",
        ) from None


def _agent(text: str) -> dict[str, object]:
    word = text.split(maxsplit=1)
    if text in _CLIS:
        return {"agent": "acp", "cli": text}
    if len(word) == 2 and word[0].rstrip(":") in ("llm", "acp"):
        kind = word[0].rstrip(":")
        return {"agent": kind, "model" if kind == "llm" else "cli": word[1]}
    if "/" in text and len(word) == 1:
        return {"agent": "llm", "model": text}
    return {"agent": text}
