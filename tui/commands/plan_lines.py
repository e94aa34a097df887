"""The research config as a person reads it before a session: each setting in plain words, with why
it is filled in so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from engine.core.config import ResearchConfig
from engine.core.enums import Autonomy, Direction, KeepRule
from engine.core.events import Platform
from engine.setup.open_session import Plan, platform_here
from tui.commands.reporter import one_line

_VALUE_CELLS = 28
_LEAD_CELLS = 22
_AUTONOMY = {
    Autonomy.AUTO: "auto: runs by itself",
    Autonomy.ASK_RISKY: "ask-risky",
    Autonomy.ASK_ALL: "ask-all: each edit waits",
}


class PlanLine(NamedTuple):
    """A line of the research config."""

    name: str
    """As in config.toml, but for the first hypothesis."""
    label: str
    value: str


def settings(plan: Plan) -> list[PlanLine]:
    """What a person can change, in the order it is shown and numbered from 1."""
    c = plan.config
    return [
        PlanLine("file", "editable file", c.file),
        PlanLine("locked", "locked files", ", ".join(c.locked) or "none"),
        PlanLine("metric", "metric", c.metric),
        PlanLine("direction", "direction", _direction(c)),
        PlanLine("command", "run command", c.command),
        PlanLine("budget_seconds", "time budget", _budget(c)),
        PlanLine("rule", "keep rule", _rule(c)),
        PlanLine("autonomy", "autonomy", _AUTONOMY[c.autonomy]),
        PlanLine("agent", "agent", agent_words(c)),
        PlanLine("max_experiments", "ends", _end(c)),
        PlanLine("scope", "scope of edits", c.scope or "the whole file"),
        PlanLine(
            "first_hypothesis",
            "first hypothesis",
            plan.start_request.first_hypothesis or "none of yours",
        ),
        PlanLine("tag", "tag", c.tag),
        PlanLine("results_file", "results file", c.results_file),
    ]


def _direction(c: ResearchConfig) -> str:
    return "min: lower is better" if c.direction is Direction.MIN else "max: higher is better"


def _budget(c: ResearchConfig) -> str:
    return (
        "the script decides" if c.budget_seconds is None else f"{c.budget_seconds:g} s of training"
    )


def _rule(c: ResearchConfig) -> str:
    if c.rule is KeepRule.MIN_DELTA:
        return f"min_delta {c.min_delta:g}"
    return "greedy"


def _end(c: ResearchConfig) -> str:
    if c.max_experiments is None:
        return "when you stop it"
    many = "" if c.max_experiments == 1 else "s"
    return f"after {c.max_experiments} experiment{many}"


def agent_words(c: ResearchConfig) -> str:
    """The agent, and what it proposes with."""
    detail = {"llm": c.model, "acp": c.cli}.get(c.agent, "")
    if c.agent == "mix":
        detail = f"search and {c.mix_with} {c.model if c.mix_with == 'llm' else c.cli}".strip()
    at = f" at {c.api_base}" if c.api_base and "llm" in (c.agent, c.mix_with) and c.model else ""
    return f"{c.agent}: {detail}{at}" if detail else c.agent


def plan_lines(plan: Plan, workspace: Path, width: int) -> Iterator[str]:
    """The research config, a setting a line, the machine, and what the person should know."""
    title = "The session goes on with" if plan.continues else "Research config"
    yield click.style(title, bold=True)
    for number, setting in enumerate(settings(plan), start=1):
        if plan.continues and setting.name == "first_hypothesis":
            continue
        why = plan.why.get(setting.name, "")
        yield from _line(f"{number:>3}", setting.label, setting.value, why, width)
    platform = platform_here(workspace)
    yield from _line("", "machine", machine_words(platform), "", width)
    yield from _line("", "adjustments", adjustments(workspace, plan.config, platform), "", width)
    for note in plan.notes:
        yield click.style(f"  ! {one_line(note)}", fg="yellow")


def _line(number: str, label: str, value: str, why: str, width: int) -> Iterator[str]:
    text = one_line(value)
    head = f"{number:>3} {label:<{_LEAD_CELLS - 4}}"
    reason = click.style(why, dim=True) if why else ""
    if len(text) <= _VALUE_CELLS and _LEAD_CELLS + _VALUE_CELLS + 1 + len(why) <= width:
        yield f"{head}{text:<{_VALUE_CELLS}} {reason}".rstrip()
    elif _LEAD_CELLS + len(text) + 2 + len(why) <= width:
        yield f"{head}{text}  {reason}".rstrip()
    else:
        yield f"{head}{text}"
        if why:
            yield f"{'':<{_LEAD_CELLS}}{reason}"


def machine_words(platform: Platform) -> str:
    """What machine this is, in few words."""
    gpus = ", ".join(f"{g.name} {g.memory_bytes / 2**30:.0f} GiB" for g in platform.gpus)
    ram = f"{platform.ram_bytes / 2**30:.0f} GiB"
    return f"{platform.system}, {platform.cores} cores, {ram}, GPU: {gpus or 'none'}"


def adjustments(workspace: Path, config: ResearchConfig, platform: Platform) -> str:
    """How the files are set up for a machine like this one, as far as that can be seen."""
    from harness.profiles import CONSTANTS_LITERALS, PROFILES, detect_profile

    constants, train = _text(workspace / "constants.py"), _text(workspace / config.file)
    for profile in PROFILES.values():
        if all(
            re.search(rf"^{name} = {getattr(profile, field)}\b", constants, re.M)
            for name, field in CONSTANTS_LITERALS.items()
        ):
            found = detect_profile()
            if found == profile.name:
                return f"sizes of the profile {found}, right for this machine"
            return f"sizes of the profile {profile.name}; for this machine {found} is right"
    if not platform.gpus and re.search(r"""["']cuda\b""", train):
        return f"none; {config.file} asks for CUDA, and there is no GPU here"
    return "none; your code runs as it is"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
