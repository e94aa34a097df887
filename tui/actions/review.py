"""Lists the actions by which the user decides on proposals before a run, and verdicts after."""

from __future__ import annotations

from tui.actions.action import (
    Action,
    Group,
    needs_engine,
    needs_past,
    needs_question,
    needs_something_to_veto,
)
from tui.view import View


def _deciding(view: View) -> str:
    waiting = len(view.session.in_question)
    return f"decide ({waiting})" if waiting > 1 else "decide"


def past(group: Group) -> tuple[Action, ...]:
    """Return the actions on an ended experiment: overrule the verdict, confirm, revive.

    Args:
        group: The heading under which the help page lists them.
    """
    return (
        Action(
            "K",
            "overrule",
            "Overrule the verdict",
            "Keep a discard or discard a keep, with a reason; the branch gets a new commit.",
            group,
            destructive=True,
            enabled=needs_past,
        ),
        Action(
            "r",
            "confirm",
            "Confirm",
            "Run the experiment once more, unchanged.",
            group,
            enabled=needs_past,
        ),
        Action(
            "R",
            "revive",
            "Revive",
            "Try the experiment's change again on top of the best; you approve it first.",
            group,
            enabled=needs_past,
        ),
    )


REVIEW: tuple[Action, ...] = (
    Action(
        "a",
        "review",
        "Decide on a proposal",
        "Open the proposal that waits for you; there, a approves, v vetoes, e edits.",
        Group.DECIDING,
        enabled=needs_question,
        footer=_deciding,
    ),
    Action(
        "v",
        "veto",
        "Veto",
        "Refuse the waiting proposal, or else kill the run, with a reason for the agent.",
        Group.DECIDING,
        destructive=True,
        enabled=needs_something_to_veto,
        footer=lambda view: "veto",
    ),
    Action(
        "e",
        "edit_proposal",
        "Edit the proposal",
        "Edit the file that the proposal would produce; it is assessed and asked about again.",
        Group.DECIDING,
        enabled=needs_question,
        footer=lambda view: "edit",
    ),
    Action(
        "w",
        "waiting",
        "Waiting proposals",
        "List all proposals that wait for you, also those parked overnight.",
        Group.DECIDING,
        footer=lambda view: "waiting",
    ),
    Action(
        "A",
        "autonomy",
        "Autonomy",
        "Set how much runs without asking you: auto, ask-risky, ask-all, in turn.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    *past(Group.DECIDING),
)
"""The actions of the main screen that open or decide on waiting proposals."""

CARD: tuple[Action, ...] = (
    Action(
        "a",
        "approve",
        "Approve",
        "Run exactly this patch next.",
        Group.PROPOSAL,
        enabled=needs_engine,
        footer=lambda view: "approve",
    ),
    Action(
        "v",
        "veto",
        "Veto",
        "Refuse the proposal, with a reason for the agent.",
        Group.PROPOSAL,
        enabled=needs_engine,
        footer=lambda view: "veto",
    ),
    Action(
        "e",
        "edit_proposal",
        "Edit",
        "Edit the file it would produce; it is assessed and asked about again.",
        Group.PROPOSAL,
        enabled=needs_engine,
        footer=lambda view: "edit",
    ),
    Action(
        "y",
        "copy",
        "Copy the diff",
        "Copy the diff.",
        Group.PROPOSAL,
        footer=lambda view: "copy",
    ),
    Action(
        "escape,q,enter",
        "later",
        "Decide later",
        "Close the card; the proposal keeps waiting. Enter never approves.",
        Group.PROPOSAL,
    ),
)
"""The actions of the approval card, the dialog that shows one proposal to decide on."""

QUEUE: tuple[Action, ...] = (
    Action(
        "a,enter",
        "review",
        "Look at it",
        "Open the card of the chosen proposal.",
        Group.PROPOSAL,
        enabled=needs_question,
        footer=lambda view: "look and decide",
    ),
    Action(
        "v",
        "veto",
        "Veto",
        "Refuse the chosen proposal, with a reason.",
        Group.PROPOSAL,
        enabled=needs_question,
        footer=lambda view: "veto",
    ),
    Action(
        "e",
        "edit_proposal",
        "Edit",
        "Edit the chosen proposal.",
        Group.PROPOSAL,
        enabled=needs_question,
        footer=lambda view: "edit",
    ),
    Action(
        "escape,q,w",
        "back",
        "Back",
        "Back to the main screen.",
        Group.PROPOSAL,
        footer=lambda view: "back",
    ),
)
"""The actions of the screen that lists waiting proposals; the help page omits them."""

EDITOR: tuple[Action, ...] = (
    Action(
        "ctrl+s",
        "send",
        "Send",
        "Replace the proposal by the edited file; it is assessed and asked about again.",
        Group.EDITING,
        enabled=needs_engine,
        footer=lambda view: "send",
    ),
    Action(
        "ctrl+e",
        "outside",
        "In $EDITOR",
        "Continue in the editor that VISUAL or EDITOR names.",
        Group.EDITING,
        footer=lambda view: "$EDITOR",
    ),
    Action(
        "escape",
        "back",
        "Back",
        "Leave the editor; asks once if your edit would be lost.",
        Group.EDITING,
        footer=lambda view: "back",
    ),
)
"""The actions of the screen in which the user edits the file that a proposal would produce."""
