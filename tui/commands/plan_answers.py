"""What a person types to change a line of the research config before the session starts."""

from __future__ import annotations

import re

from engine.core.enums import Autonomy, Direction, KeepRule
from engine.core.errors import UsageError
from engine.setup.open_session import Plan
from tui.commands.plan_lines import PlanLine, settings
from tui.commands.reporter import one_line

HOW = {
    "file": "the one file an agent may edit",
    "locked": "files no run may change, or globs of them, with commas; none",
    "metric": "the name in the line `name: value` the run prints at its end",
    "direction": "min (lower is better) or max",
    "command": "how a run is started, without a shell",
    "budget_seconds": "seconds of training per run, or 5 min; none if the script decides",
    "rule": "greedy keeps any improvement; min_delta 0.001 only one of at least 0.001",
    "autonomy": "auto, ask-risky (what the risk check finds questionable waits) or ask-all",
    "agent": "search, a model (anthropic/…, openai/…, ollama_chat/…), or a coding-agent CLI "
    "(claude, codex, gemini, opencode)",
    "max_experiments": "how many experiments, the baseline counted; none goes on until stopped",
    "scope": "what the agent may change, in words, such as: only the optimizer; none for anything",
    "first_hypothesis": "what is tried first, after the baseline; none if the agent chooses",
    "tag": "names the session and its branch autoresearch/TAG",
    "results_file": "where a row per experiment is appended",
}
"""What can be answered to each setting."""

_NONE = ("none", "no", "-", "nothing")
_CLIS = ("claude", "codex", "gemini", "opencode")
_UNITS = {"": 1, "s": 1, "sec": 1, "seconds": 1, "m": 60, "min": 60, "minutes": 60, "h": 3600}


def find_setting(plan: Plan, word: str) -> PlanLine:
    """The line a person means: its number, its name or the beginning of one.

    Raises:
        UsageError: There is none.
    """
    lines = settings(plan)
    if word.isascii() and word.isdigit():
        if 1 <= int(word) <= len(lines):
            return lines[int(word) - 1]
        raise UsageError(f"There is no line {word}.", f"They go from 1 to {len(lines)}.")
    wanted = word.lower().replace("-", "_")
    for names in (
        [s for s in lines if wanted in (s.name, s.label.lower())],
        [s for s in lines if s.name.startswith(wanted) or s.label.startswith(word.lower())],
        [s for s in lines if wanted in s.label.lower().split()],
    ):
        if len(names) == 1:
            return names[0]
    have = ", ".join(s.label for s in lines)
    raise UsageError(f"No line is called {one_line(word, 40)!r}.", f"There are: {have}.")


def read_answer(name: str, text: str) -> dict[str, object]:
    """The settings an answer asks for.

    Raises:
        UsageError: It cannot be read.
    """
    text = text.strip()
    none = text.lower() in _NONE
    match name:
        case "locked":
            return {name: () if none else tuple(p for p in re.split(r"[,\s]+", text) if p)}
        case "direction":
            return {name: _direction(text)}
        case "budget_seconds":
            return {name: None if none else _seconds(text)}
        case "rule":
            return _rule(text)
        case "autonomy":
            return {name: _one_of(text.lower(), [a.value for a in Autonomy])}
        case "agent":
            return _agent(text)
        case "max_experiments":
            if not none and not (text.isascii() and text.isdigit()):
                raise UsageError(f"{one_line(text, 40)!r} is no number of experiments.")
            return {name: None if none else int(text)}
        case "scope" | "first_hypothesis":
            return {name: "" if none else text}
        case _:
            return {name: text}


def _one_of(text: str, words: list[str]) -> str:
    if text not in words:
        raise UsageError(f"{one_line(text, 40)!r} is none of {', '.join(words)}.")
    return text


def _direction(text: str) -> str:
    words = {"lower": "min", "smaller": "min", "higher": "max", "larger": "max"}
    first = text.lower().replace(":", " ").split()[:1] or [""]
    return _one_of(words.get(first[0], first[0]), [d.value for d in Direction])


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([a-z]*)", text.lower())
    if found is None or found[2] not in _UNITS:
        raise UsageError(f"{one_line(text, 40)!r} is no time.", "Say 300, 300 s or 5 min.")
    return float(found[1]) * _UNITS[found[2]]


def _rule(text: str) -> dict[str, object]:
    words = text.lower().replace("-", "_").split()
    if words == [KeepRule.GREEDY.value]:
        return {"rule": KeepRule.GREEDY.value, "min_delta": 0.0}
    number = words[1] if words[:1] == [KeepRule.MIN_DELTA.value] and len(words) == 2 else ""
    try:
        return {"rule": KeepRule.MIN_DELTA.value, "min_delta": float(number)}
    except ValueError:
        raise UsageError(
            f"{one_line(text, 40)!r} is no rule.", "Say greedy, or min_delta and a number."
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
