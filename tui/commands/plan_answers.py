"""Parses what the user types to change a line of the plan before the session starts."""

from __future__ import annotations

import re

from engine.core.analysis.stop_conditions import STOP_CONDITIONS
from engine.core.config import MIN_DELTA, settings
from engine.core.enums import Direction
from engine.core.errors import ConfigError, UsageError
from engine.core.setting import parse_seconds
from engine.core.text import one_line
from engine.plugins import load_keep_rule
from engine.setup.plan import Plan
from tui.commands.plan_lines import PlanLine, numbered_lines

_NONE = ("none", "no", "-", "nothing")
_CLIS = ("claude", "codex", "gemini", "opencode")


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
            return _end("" if none else text)
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
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise UsageError(f"Invalid time: {one_line(text, 40)!r}.", f"Expected: {error}.") from None


def _end(text: str) -> dict[str, object]:
    """Return the stop conditions that an answer names, and that the others are left out."""
    found: dict[str, object] = dict.fromkeys(STOP_CONDITIONS) | {"until": ""}
    for part in filter(None, re.split(r"\s*,\s*(?:or\s+)?", text.lower())):
        word, _, rest = part.replace("=", " ").partition(" ")
        try:
            if part.isascii() and part.isdigit():
                found["max_experiments"] = int(part)
            elif word == "target":
                found["target"] = float(rest)
            elif word == "patience":
                found["patience"] = int(rest)
            elif ":" in part or "-" in part:
                found["until"] = part.removeprefix("until ").removeprefix("at ").upper()
            else:
                found["for_seconds"] = parse_seconds(part.removeprefix("for "))
        except ValueError:
            raise UsageError(
                f"Invalid stop condition: {one_line(part, 40)!r}.",
                "Write 200, 07:30, 8h, target 0.97 or patience 20, separated by commas.",
            ) from None
    return found


def _rule(text: str) -> dict[str, object]:
    parts = text.lower().replace("-", "_").split()
    if len(parts) == 1 and parts != [MIN_DELTA]:
        try:
            load_keep_rule(parts[0])
        except ConfigError as error:
            raise UsageError(error.what, error.why, error.todo) from None
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
