"""Lists the actions that steer the agent: pins, bans, notes, and edits of program.md."""

from __future__ import annotations

from tui.actions.action import Action, Group, needs_engine

STEERING: tuple[Action, ...] = (
    Action(
        "p",
        "pins",
        "Pin a hypothesis",
        "Your own ideas, which run next: add, reword, reorder, remove.",
        Group.DECIDING,
        enabled=needs_engine,
        footer=lambda view: "pin",
    ),
    Action(
        "b",
        "bans",
        "Ban a direction",
        "Directions that the agent must avoid: add, lift.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    Action(
        "n",
        "notes",
        "Note to the agent",
        "Notes that the agent gets with every prompt: add, remove.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    Action(
        "m",
        "program",
        "program.md",
        "Read and change program.md; the next proposal follows the new text.",
        Group.DECIDING,
        footer=lambda view: "program.md?" if view.session.program_question else "program.md",
    ),
    Action(
        "",
        "program_outside",
        "program.md in $EDITOR",
        "Change program.md in the editor that VISUAL or EDITOR names.",
        Group.DECIDING,
    ),
)

PROGRAM_FILE: tuple[Action, ...] = (
    Action(
        "ctrl+s",
        "save",
        "Save program.md",
        "Write program.md; the next proposal follows it.",
        Group.PROGRAM_FILE,
        footer=lambda view: "save",
    ),
    Action(
        "ctrl+e",
        "outside",
        "In $EDITOR",
        "Open the file itself in the editor that VISUAL or EDITOR names.",
        Group.PROGRAM_FILE,
        footer=lambda view: "$EDITOR",
    ),
    Action(
        "escape",
        "back",
        "Back",
        "Back to the main screen; asks if changes are unsaved.",
        Group.PROGRAM_FILE,
        footer=lambda view: "back",
    ),
)
"""The actions of the screen in which the user edits program.md."""
