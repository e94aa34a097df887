"""What a person can tell the agent: pins, bans, notes, and the charter."""

from __future__ import annotations

from tui.actions.action import Action, Group, needs_engine

STEERING: tuple[Action, ...] = (
    Action(
        "p",
        "pins",
        "Pin a hypothesis",
        "Your own ideas: each is done next. Add, reword, reorder, take back.",
        Group.DECIDING,
        enabled=needs_engine,
        footer=lambda view: "pin",
    ),
    Action(
        "b",
        "bans",
        "Ban a direction",
        "What the agent is to leave alone: add, lift.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    Action(
        "n",
        "notes",
        "Note to the agent",
        "What the agent is told with every question: add, remove.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    Action(
        "m",
        "program",
        "program.md",
        "Read and change the charter; the next proposal follows the new one.",
        Group.DECIDING,
        footer=lambda view: "program.md",
    ),
    Action(
        "",
        "program_outside",
        "program.md in $EDITOR",
        "Change the charter in the editor that VISUAL or EDITOR names.",
        Group.DECIDING,
    ),
)

CHARTER: tuple[Action, ...] = (
    Action(
        "ctrl+s",
        "save",
        "Save program.md",
        "Write the charter; the next proposal follows it.",
        Group.CHARTER,
        footer=lambda view: "save",
    ),
    Action(
        "ctrl+e",
        "outside",
        "In $EDITOR",
        "Open the file itself in the editor that VISUAL or EDITOR names.",
        Group.CHARTER,
        footer=lambda view: "$EDITOR",
    ),
    Action(
        "escape",
        "back",
        "Back",
        "Back to the whole screen; asks where something is unsaved.",
        Group.CHARTER,
        footer=lambda view: "back",
    ),
)
"""What the screen of program.md can do."""
