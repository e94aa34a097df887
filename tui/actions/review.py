"""What a person can decide: proposals before they run, and verdicts after."""

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
    """What can be decided about an experiment that has ended."""
    return (
        Action(
            "K",
            "overrule",
            "Overrule the verdict",
            "Keep a discard or discard a keep, with a reason; the branch follows by new commits.",
            group,
            destructive=True,
            enabled=needs_past,
        ),
        Action(
            "r",
            "confirm",
            "Confirm",
            "Run the experiment once more, exactly as it was.",
            group,
            enabled=needs_past,
        ),
        Action(
            "R",
            "revive",
            "Revive",
            "Try the experiment's change again on top of the best; you look at it first.",
            group,
            enabled=needs_past,
        ),
    )


REVIEW: tuple[Action, ...] = (
    Action(
        "a",
        "review",
        "Decide on a proposal",
        "Open the proposal that waits for you; there a approves, v vetoes, e edits.",
        Group.DECIDING,
        enabled=needs_question,
        footer=_deciding,
    ),
    Action(
        "v",
        "veto",
        "Veto",
        "Refuse the proposal that waits, else kill the run, with a reason the agent is told.",
        Group.DECIDING,
        destructive=True,
        enabled=needs_something_to_veto,
        footer=lambda view: "veto",
    ),
    Action(
        "e",
        "edit_proposal",
        "Edit the proposal",
        "Change the file the proposal would make; it is assessed and asked about again.",
        Group.DECIDING,
        enabled=needs_question,
        footer=lambda view: "edit",
    ),
    Action(
        "w",
        "waiting",
        "Waiting proposals",
        "All proposals that wait for you, those set aside overnight too.",
        Group.DECIDING,
        footer=lambda view: "waiting",
    ),
    Action(
        "A",
        "autonomy",
        "Autonomy",
        "How much runs unasked: auto, ask-risky, ask-all, round and round.",
        Group.DECIDING,
        enabled=needs_engine,
    ),
    *past(Group.DECIDING),
)
"""On the main screen."""

CARD: tuple[Action, ...] = (
    Action(
        "a",
        "approve",
        "Approve",
        "Let exactly this patch run next.",
        Group.PROPOSAL,
        enabled=needs_engine,
        footer=lambda view: "approve",
    ),
    Action(
        "v",
        "veto",
        "Veto",
        "Refuse it, with a reason the agent is told.",
        Group.PROPOSAL,
        enabled=needs_engine,
        footer=lambda view: "veto",
    ),
    Action(
        "e",
        "edit_proposal",
        "Edit",
        "Change the file it would make; it is assessed and asked about again.",
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
        "Close the card; the proposal goes on waiting. Enter never approves.",
        Group.PROPOSAL,
    ),
)
"""On the approval card."""

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
        "Back to the whole screen.",
        Group.PROPOSAL,
        footer=lambda view: "back",
    ),
)
"""In the list of waiting proposals; the page of keys tells those of the card alone."""

EDITOR: tuple[Action, ...] = (
    Action(
        "ctrl+s",
        "send",
        "Send",
        "Put the edited file in the proposal's place; it is assessed and asked about again.",
        Group.EDITING,
        enabled=needs_engine,
        footer=lambda view: "send",
    ),
    Action(
        "ctrl+e",
        "outside",
        "In $EDITOR",
        "Go on in the editor that VISUAL or EDITOR names.",
        Group.EDITING,
        footer=lambda view: "$EDITOR",
    ),
    Action(
        "escape",
        "back",
        "Back",
        "Leave the editor; asks once where something would be lost.",
        Group.EDITING,
        footer=lambda view: "back",
    ),
)
"""Where the file of a proposal is edited."""
