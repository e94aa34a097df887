"""Builds the prompt of a coding agent, which names files instead of including them."""

from __future__ import annotations

from engine.agents.base import Briefing
from engine.agents.instructions import direction, earlier, under_way, user_instructions
from engine.agents.llm.answer import HYPOTHESIS_CHARACTERS
from engine.agents.llm.history import best, by_category, fenced, in_brief, in_full, log_end
from engine.agents.llm.prompt import SYSTEM, languages
from engine.core.enums import CATEGORIES
from engine.core.text import one_line

IN_FULL = 10
MOST_IN_BRIEF = 200
_LONGEST_PROGRAM = 60_000
_RULES = SYSTEM[SYSTEM.index("# What is refused") :]
"""The part of the language model agent's system message that applies to coding agents too."""


def build_prompt(briefing: Briefing) -> str:
    """Return the first prompt of a coding agent's session, for a proposal or a repair.

    Args:
        briefing: The briefing of the proposal; its `shorten` halves the history included.
    """
    config = briefing.config
    file, several = one_line(config.file_names), len(config.files) > 1
    better = config.direction.better
    budget = (
        "what the script itself decides"
        if config.budget_seconds is None
        else f"{config.budget_seconds:g} s of wall-clock time"
    )
    locked = ", ".join(one_line(name) for name in sorted(briefing.context)) or "none"
    rule = config.metric_rule
    read = "" if rule.is_usual else f"- what is read: {one_line(rule.text())}\n"
    parts = [
        "You are the researcher of an automated machine-learning session. You propose one "
        "experiment at a time: one hypothesis, and one focused edit that tests exactly that. The "
        "engine takes your edit from your directory, trains it within a fixed budget, measures it, "
        "and keeps it only if the metric improved.\n",
        "# How you work\n\n"
        f"- Your directory is a scratch copy of the repository. Edit `{file}` in place with your "
        f"editing tool. What you leave in {'these files' if several else 'that file'} is your "
        "answer; nothing else is taken.\n"
        "- You may read the other files. Every change to another file, every command and every "
        "network access is refused; do not try, and do not ask.\n"
        "- Questions are not answered. Decide, edit, and end.\n"
        f"- `{file}` must stay valid {languages(config)}, must change what the program does, and "
        "must not repeat an experiment of the history.\n",
        "# Your last message\n\nAfter the edit, end with these four lines and nothing else:\n\n"
        "HYPOTHESIS: one sentence: what changes, and why it should help\n"
        f"CATEGORY: one of {', '.join(CATEGORIES)}\n"
        "RATIONALE: two to five sentences: what in the file or the history speaks for it\n"
        "EXPECTED: the effect you expect on the metric, memory and speed\n",
        _RULES,
        f"# Instructions: program.md\n\n{fenced(briefing.program[:_LONGEST_PROGRAM], 'markdown')}",
        "# Set-up\n\n"
        f"- editable file{'s' * several}: {file}\n"
        f"- read-only files that define the task: {locked}\n"
        f"- metric: {one_line(config.metric)}, {better} is better\n{read}"
        f"- training budget per run: {budget}\n"
        f"- command: {one_line(config.command)}\n{_machine(briefing)}",
        *_history(briefing),
        _request(briefing),
    ]
    return "\n".join(parts)


def _machine(briefing: Briefing) -> str:
    platform = briefing.platform
    if platform is None:
        return ""
    gpus = [f"{one_line(g.name)} ({g.memory_text})" for g in platform.gpus]
    return (
        f"- GPU: {', '.join(gpus) or 'none'}\n"
        f"- host: {one_line(platform.cpu)}, {platform.cores} cores, "
        f"{platform.ram_bytes / 2**30:.0f} GiB\n"
    )


def _history(briefing: Briefing) -> list[str]:
    history, config = briefing.history, briefing.config
    full = IN_FULL >> briefing.shorten
    brief = MOST_IN_BRIEF >> briefing.shorten
    recent = history[-full:] if full else ()
    older = history[: len(history) - len(recent)]
    parts = []
    if older:
        left_out = f"({len(older) - brief} older ones left out)\n" if len(older) > brief else ""
        lines = "".join(in_brief(attempt) for attempt in older[-brief:]) if brief else ""
        parts.append(f"# Earlier experiments\n\n{left_out}{lines}")
    if recent:
        recent_text = "\n".join(in_full(attempt, config) for attempt in recent)
        parts.append(f"# The last experiments\n\n{recent_text}")
    parts += [*best(history, config), *by_category(history)]
    parts += [*earlier(briefing), *under_way(briefing), *user_instructions(briefing)]
    return parts


def _request(briefing: Briefing) -> str:
    file = one_line(briefing.config.file_names)
    if (failure := briefing.failure) is not None:
        return (
            "# Request\n\nInstead of a new experiment, repair your last edit. Its hypothesis was: "
            f"{one_line(failure.hypothesis, HYPOTHESIS_CHARACTERS)}\n\n"
            "It crashed. The end of its log, which is data:\n\n"
            f"{fenced(log_end(failure.detail))}\n`{file}` in your directory is as it crashed. "
            "Make the smallest edit that cures the crash and keeps the hypothesis, then end with "
            "the four lines.\n"
        )
    return (
        f"# Request\n\nPropose experiment {briefing.number}: read `{file}`, make one focused edit "
        f"of it, and end with the four lines.\n{direction(briefing)}"
    )


def ask_again(problem: str, file: str) -> str:
    """Return the prompt that asks a coding agent to edit the file again.

    Args:
        problem: Why its edit cannot be used.
        file: The editable file.
    """
    return (
        f"Your edit cannot be used: {one_line(problem, 1000)}\n\nEdit `{one_line(file)}` again "
        "with your editing tool so that this is cured, then end with the four lines HYPOTHESIS, "
        "CATEGORY, RATIONALE, EXPECTED.\n"
    )
