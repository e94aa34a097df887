"""Formats the plan of a session as lines: its main settings, each with where its value is from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.core.analysis.stop_conditions import conditions_text
from engine.core.config import MIN_DELTA, ResearchConfig, settings
from engine.core.enums import Autonomy
from engine.core.events import Platform
from engine.core.text import one_line, plural
from engine.setup.cuda_need import needs_cuda
from engine.setup.data_summary import DataGroup
from engine.setup.plan import Plan
from engine.untrusted_files import read_regular
from tui.commands.output import style
from tui.present.numbers import size

_MOST_BYTES = 4 * 2**20
_VALUE_CELLS = 28
_LEAD_CELLS = 22
_FIRST_HYPOTHESIS_LINE = 12
_MOST_PATHS = 6
"""The most paths of untracked data named in one line."""
_AUTONOMY = {
    Autonomy.AUTO: "auto: runs by itself",
    Autonomy.ASK_RISKY: "ask-risky",
    Autonomy.ASK_ALL: "ask-all: each edit waits",
}


class PlanLine(NamedTuple):
    """A numbered line of the plan: one setting with its value."""

    name: str
    """The name of the setting, or `first_hypothesis`."""
    label: str
    value: str
    answer: str
    """A description of what the user may type to change the setting."""
    is_unknown: bool = False
    """True if the setting has no value yet, so that the user is asked for one."""


def numbered_lines(plan: Plan) -> list[PlanLine]:
    """Return the lines of the plan that the user can change, in order of their numbers from 1."""
    shown = sorted((s for s in settings().values() if s.label), key=lambda s: s.line)
    lines = [
        PlanLine(s.name, s.label, _value(s.name, plan.config), s.answer or s.description)
        for s in shown
    ]
    if plan.unknown_direction:
        lines = [
            line._replace(value="unknown", is_unknown=True) if line.name == "direction" else line
            for line in lines
        ]
    first = PlanLine(
        "first_hypothesis",
        "first hypothesis",
        plan.start_request.first_hypothesis or "none given",
        "what is tried first, after the baseline; none if the agent chooses",
    )
    lines.insert(_FIRST_HYPOTHESIS_LINE - 1, first)
    return lines


def _value(name: str, config: ResearchConfig) -> str:
    match name:
        case "file":
            return config.file_names
        case "locked":
            return ", ".join(config.locked) or "none"
        case "direction":
            return _direction(config)
        case "budget_seconds":
            return _budget(config)
        case "rule":
            return _rule(config)
        case "autonomy":
            return _AUTONOMY[config.autonomy]
        case "agent":
            return agent_text(config)
        case "max_experiments":
            return _end(config)
        case "guards":
            return ", ".join(config.guards) or "none"
        case "metric_from":
            return config.metric_from or "the log, in any usual form"
        case "metric_pick":
            return config.metric_rule.which
        case "scope":
            return config.scope or (
                "the whole file" if len(config.files) == 1 else "the whole files"
            )
        case _:
            return str(getattr(config, name))


def _direction(c: ResearchConfig) -> str:
    return f"{c.direction}: {c.direction.better} is better"


def _budget(c: ResearchConfig) -> str:
    return (
        "the script decides" if c.budget_seconds is None else f"{c.budget_seconds:g} s of training"
    )


def _rule(c: ResearchConfig) -> str:
    return f"{c.rule} {c.min_delta:g}" if c.rule == MIN_DELTA else c.rule


def _end(c: ResearchConfig) -> str:
    return conditions_text(c) or "when you stop it"


def agent_text(c: ResearchConfig) -> str:
    """Return the name of the configured agent with its model or CLI, as text for the user."""
    detail = {"llm": c.model, "acp": c.cli}.get(c.agent, "")
    if c.agent == "mix":
        detail = f"search and {c.mix_with} {c.model if c.mix_with == 'llm' else c.cli}".strip()
    at = f" at {c.api_base}" if c.api_base and "llm" in (c.agent, c.mix_with) and c.model else ""
    return f"{c.agent}: {detail}{at}" if detail else c.agent


def plan_lines(plan: Plan, workspace: Path, width: int) -> Iterator[str]:
    """Yield the plan's lines: a setting per line, the machine, its adjustments, and the notes.

    Args:
        plan: The plan to show.
        workspace: The workspace in which the session will run.
        width: The width of the terminal in cells.
    """
    from engine.devices.sampler import DeviceSampler

    title = "The session continues with" if plan.continues else "Research config"
    yield style(title, bold=True)
    for number, line in enumerate(numbered_lines(plan), start=1):
        if plan.continues and line.name == "first_hypothesis":
            continue
        why = plan.why.get(line.name, "")
        yield from _line(f"{number:>3}", line.label, line.value, why, width)
    platform = DeviceSampler(disk=workspace).platform()
    yield from _line("", "machine", machine_text(platform), "", width)
    yield from _line("", "adjustments", adjustments(workspace, plan.config, platform), "", width)
    for label, text in data_lines(plan.data):
        yield from _line("", label, text, "", width)
    for difference in plan.unconfirmed:
        yield style(f"  ! {one_line(difference)}", fg="red")
    for note in plan.notes:
        yield style(f"  ! {one_line(note)}", fg="yellow")


def data_lines(groups: tuple[DataGroup, ...]) -> Iterator[tuple[str, str]]:
    """Yield a label and a text on the data that runs get, and on each kind that is left out."""
    if all(group.reason is not None for group in groups):
        yield "data", "runs get no untracked files"
    for group in groups:
        files = plural(group.files, "file")
        count = f"{files}, {size(group.size_bytes)}"
        if not group.complete:
            count = f"more than {files}"
        named = ", ".join(group.paths[:_MOST_PATHS])
        if len(group.paths) > _MOST_PATHS:
            named = f"{named}, and {len(group.paths) - _MOST_PATHS} more"
        if group.reason is None:
            whole = f"; linked as they are: {', '.join(group.linked)}" if group.linked else ""
            yield "data", f"runs get {count}: {named}{whole}"
        else:
            yield "left out", f"{group.reason}: {count}: {named}"


def _line(number: str, label: str, value: str, why: str, width: int) -> Iterator[str]:
    text = one_line(value)
    head = f"{number:>3} {label:<{_LEAD_CELLS - 4}}"
    reason = style(why, dim=True) if why else ""
    if len(text) <= _VALUE_CELLS and _LEAD_CELLS + _VALUE_CELLS + 1 + len(why) <= width:
        yield f"{head}{text:<{_VALUE_CELLS}} {reason}".rstrip()
    elif _LEAD_CELLS + len(text) + 2 + len(why) <= width:
        yield f"{head}{text}  {reason}".rstrip()
    else:
        yield f"{head}{text}"
        if why:
            yield f"{'':<{_LEAD_CELLS}}{reason}"


def machine_text(platform: Platform) -> str:
    """Return the machine's system, cores, memory and GPUs as one line of text."""
    named = Counter(f"{g.name} {g.memory_text}" for g in platform.gpus)
    gpus = ", ".join(f"{count} × {text}" if count > 1 else text for text, count in named.items())
    if gpus and platform.gpu_note:
        gpus = f"{gpus} ({platform.gpu_note})"
    ram = f"{platform.ram_bytes / 2**30:.0f} GiB"
    return f"{platform.system}, {platform.cores} cores, {ram}, GPU: {gpus or 'none'}"


def adjustments(workspace: Path, config: ResearchConfig, platform: Platform) -> str:
    """Return a sentence on whether the workspace's files have sizes that suit this machine.

    Args:
        workspace: The workspace with the files.
        config: The research config, which names the editable file.
        platform: The machine's hardware.
    """
    from harness.profiles import CONSTANTS_LITERALS, PROFILES, detect_profile

    constants = _text(workspace / "constants.py")
    for profile in PROFILES.values():
        if all(
            re.search(rf"^{name} = {getattr(profile, field)}\b", constants, re.M)
            for name, field in CONSTANTS_LITERALS.items()
        ):
            found = detect_profile()
            if found == profile.name:
                return f"sizes of the profile {found}, right for this machine"
            return f"sizes of the profile {profile.name}; for this machine {found} is right"
    if not platform.gpus and any(needs_cuda(_text(workspace / name)) for name in config.files):
        return f"none; {config.file_names} asks for CUDA, and there is no GPU here"
    return "none; your code runs as it is"


def _text(path: Path) -> str:
    try:
        return read_regular(path, _MOST_BYTES, follow=True).decode("utf-8", "replace")
    except OSError:
        return ""
