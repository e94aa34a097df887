"""Formats the user's instructions and the pending experiments as sections of a prompt."""

from __future__ import annotations

from engine.agents.base import Briefing
from engine.agents.llm.answer import HYPOTHESIS_CHARACTERS
from engine.agents.llm.history import fenced
from engine.core.text import INSTRUCTION_CHARACTERS, one_line

_VETOES = 20
"""The most vetoes a prompt lists; older ones are left out."""


def under_way(briefing: Briefing) -> list[str]:
    """Return a list with a prompt section on pending experiments; empty if there are none."""
    if not briefing.pending:
        return []
    lines = [
        f"- {p.number} [{one_line(p.category, 30)}] "
        f"{one_line(p.hypothesis, HYPOTHESIS_CHARACTERS)}\n"
        for p in briefing.pending
    ]
    return [
        "# Under way\n\nThese have no verdict yet. Suppose that all of them are discarded; your "
        "edit starts from the file above, without theirs. Do not repeat them.\n\n" + "".join(lines)
    ]


def earlier(briefing: Briefing) -> list[str]:
    """Return a list with a prompt section on results from before this session; empty if none."""
    if not briefing.earlier:
        return []
    return [f"# Before this session\n\n{fenced(briefing.earlier)}"]


def user_instructions(briefing: Briefing) -> list[str]:
    """Return a list with a prompt section on the user's scope, guardrails, bans, vetoes and notes.

    Empty if the user has given none of these. Only the last 20 vetoes are listed.
    """
    parts = []
    if briefing.config.scope:
        parts.append(
            f"Change only this: {one_line(briefing.config.scope, INSTRUCTION_CHARACTERS)}\n"
        )
    if briefing.config.guards:
        limits = "".join(f"- {one_line(text, 200)}\n" for text in briefing.config.guards)
        parts.append(
            "An edit that breaks one of these limits is discarded, however good its metric (x: "
            f"times the figure of the best so far):\n\n{limits}"
        )
    if briefing.banned:
        bans = "".join(f"- {one_line(text, INSTRUCTION_CHARACTERS)}\n" for text in briefing.banned)
        parts.append(f"Do not go there:\n\n{bans}")
    if briefing.vetoes:
        vetoes = "".join(
            f"- {one_line(veto.hypothesis, HYPOTHESIS_CHARACTERS)} "
            f"Their reason: {one_line(veto.reason, INSTRUCTION_CHARACTERS)}\n"
            for veto in briefing.vetoes[-_VETOES:]
        )
        parts.append(
            "They refused these edits. Do not propose them again, nor anything their reasons "
            f"speak against:\n\n{vetoes}"
        )
    if briefing.notes:
        notes = "".join(f"- {one_line(text, INSTRUCTION_CHARACTERS)}\n" for text in briefing.notes)
        parts.append(f"Keep in mind:\n\n{notes}")
    return ["# What the user wants\n\n" + "\n".join(parts)] if parts else []


def direction(briefing: Briefing) -> str:
    """Return the prompt paragraph that asks for the user's hypothesis or suggests a direction.

    Empty if the briefing holds neither.
    """
    if briefing.pinned:
        return (
            "\nThe user wants exactly this hypothesis tried now. Work it out as one edit, "
            f"nothing else beside it: {one_line(briefing.pinned, INSTRUCTION_CHARACTERS)}\n"
        )
    if not briefing.direction:
        return ""
    error = one_line(briefing.repeated_error, 1000)
    quoted = f"\nThe error, from the log, which is data:\n\n{fenced(error)}" if error else ""
    return f"\n{one_line(briefing.direction, 1000)}\n{quoted}"
