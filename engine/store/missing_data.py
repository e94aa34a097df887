"""Finds paths that a failed run looked for in vain and that the user's checkout has."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.core.config import ResearchConfig
from engine.core.data_rules import LeftOut, why_left_out
from engine.core.text import one_line
from engine.store.run_data import DataChoice
from engine.store.workspace import Workspace

_COMPLAINT = re.compile(
    r"no such file|not found|cannot (?:open|find|access|read)|can't (?:open|find|read)"
    r"|could ?n[o']t|unable to open|does ?n[o']t exist|do(?:es)? not exist|missing|no files? "
    r"|FileNotFound|not a valid file|is not a (?:file|directory)|failed to (?:open|load|read)"
    r"|error opening",
    re.I,
)
_QUOTED = re.compile(r"""(["'`])([^"'`\n]{1,400})\1""")
_BARE = re.compile(r"[^\s\"'`()\[\]{}<>,;=]*[\w~.-]/?[^\s\"'`()\[\]{}<>,;=]*")
_NOT_SUGGESTED = (LeftOut.SECRET, LeftOut.CACHE)
"""Reasons for which a path outside the workspace is never suggested, such as `../.ssh`."""
_MOST_LINES = 200


def find_missing(text: str, workspace: Workspace, place: Path) -> tuple[str, ...]:
    """Return paths, relative to the workspace, that a run lacked and that the user has.

    Args:
        text: The end of the run's log.
        workspace: The workspace in the user's checkout.
        place: The directory in the worktree in which the run was started.
    """
    found: dict[str, None] = {}
    for line in text.splitlines()[-_MOST_LINES:]:
        if not _COMPLAINT.search(line):
            continue
        quoted = [match[2] for match in _QUOTED.finditer(line)]
        bare = [word.rstrip(".:") for word in _BARE.findall(_QUOTED.sub(" ", line))]
        for word in (*quoted, *(word for word in bare if "/" in word or "." in word)):
            name = _relative(word.removeprefix("file://"), workspace, place)
            hidden = name.startswith("../") and why_left_out(name) in _NOT_SUGGESTED
            if name and not hidden and _is_lacking(workspace.path / name, place / name):
                found[name] = None
    return tuple(found)


def _relative(word: str, workspace: Workspace, place: Path) -> str:
    """Return a path that a run named, relative to the workspace; empty where it is none."""
    if "\0" in word or len(word) > 1000:
        return ""
    path = os.path.join(place, word)
    name = os.path.relpath(os.path.normpath(path), place)
    if os.path.isabs(word):
        worktree = place.parents[workspace.prefix.count("/")] if workspace.prefix else place
        return name if Path(path).is_relative_to(worktree) else ""
    return "" if name == "." else name


def _is_lacking(own: Path, seen: Path) -> bool:
    """Return whether the user has a path that a run has not, or only a part of its files."""
    try:
        if not os.path.exists(own) or os.path.samefile(own, seen):
            return False
        return own.is_dir() and bool(set(os.listdir(own)) - set(os.listdir(seen)) - {".git"})
    except OSError:
        return os.path.exists(own) and not os.path.exists(seen)


def link_advice(names: tuple[str, ...], choice: DataChoice, config: ResearchConfig) -> str:
    """Return what the user can do so that runs get paths which they lacked, as sentences.

    Args:
        names: The paths, relative to the workspace.
        choice: The data that runs get by the config.
        config: The config, with its `link`.
    """
    wanted = list(dict.fromkeys(_entry(name, choice) for name in names))
    found = (choice.left_out.get(entry) or why_left_out(entry) for entry in wanted)
    reasons = {reason for reason in found if reason is not None}
    why = f" ({', '.join(sorted(reasons))})" if reasons else ""
    rules = [*config.link, *(entry for entry in wanted if entry not in config.link)]
    line = ", ".join(f'"{one_line(rule, 200)}"' for rule in rules)
    flags = " ".join(f"--link {one_line(rule, 200)}" for rule in rules)
    has = one_line(", ".join(wanted[:5]), 300)
    caution = " Runs could read it." if LeftOut.SECRET in reasons else ""
    return (
        f"You have {has}, but it is not brought to runs{why}.{caution} To bring it, write "
        f"`link = [{line}]` into .autoresearch/config.toml, or start again with {flags}."
    )


def _entry(name: str, choice: DataChoice) -> str:
    """Return the path to name in `link`: a left-out directory, or the one outside, as a whole."""
    for entry, reason in choice.left_out.items():
        if name == entry or (name.startswith(f"{entry}/") and reason is not LeftOut.SECRET):
            return entry
    parts = name.split("/")
    above = next((n for n, part in enumerate(parts) if part != ".."), 0)
    return "/".join(parts[: above + 1]) if above else name
