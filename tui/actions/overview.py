"""The views of the whole session: how they are reached, and what can be done there."""

from __future__ import annotations

from tui.actions.action import Action, Group, back, needs_experiment

VIEW_NAMES = ("Activity", "Leaderboard", "Edits", "Memory", "Health")
_HELP = (
    "Every event of the session, filtered; the one under the cursor whole.",
    "Everything that was measured, the best first, against the baseline and the noise.",
    "Every edit of the code, with its diff; the search looks into the changed lines too.",
    "What the agent is told next, word for word.",
    "Keeps over time, category coverage, novelty, the dry spell, what a keep costs.",
)

OVERVIEW_ACTIONS: tuple[Action, ...] = (
    Action(
        "i",
        "whole(1)",
        "The whole session",
        f"All of it in five views: {', '.join(VIEW_NAMES)}.",
        Group.LOOKING,
        footer=lambda view: "session",
    ),
    *(
        Action("", f"whole({n})", f"{name} of the session", told, Group.LOOKING)
        for n, (name, told) in enumerate(zip(VIEW_NAMES[1:], _HELP[1:], strict=True), start=2)
    ),
)

WHOLE: tuple[Action, ...] = (
    Action("tab", "next_view", "Next view", "The next of the views.", Group.WHOLE),
    Action("shift+tab", "previous_view", "View before", "The view before.", Group.WHOLE),
    *(
        Action(str(n), f"view({n})", f"Go to {name}", told, Group.WHOLE)
        for n, (name, told) in enumerate(zip(VIEW_NAMES, _HELP, strict=True), start=1)
    ),
    Action(
        "f",
        "filter",
        "Filter",
        "Other events, all or only kept places, edits by verdict.",
        Group.WHOLE,
        footer=lambda view: "filter",
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Search in the view; in Edits, in the changed lines too.",
        Group.WHOLE,
        footer=lambda view: "search",
    ),
    Action("f3", "search_next", "Next match", "Go to the next match.", Group.WHOLE),
    Action("shift+f3", "search_previous", "Previous match", "Go to the match before.", Group.WHOLE),
    Action(
        "o",
        "open",
        "Open experiment",
        "Open the experiment under the cursor; enter does it too.",
        Group.WHOLE,
        enabled=needs_experiment,
        footer=lambda view: "open",
    ),
    Action(
        "y",
        "copy",
        "Copy",
        "The event, the commit, the diff or the text.",
        Group.WHOLE,
        footer=lambda view: "copy",
    ),
    Action(
        "z",
        "zoom",
        "Zoom",
        "The list or what is below it over the whole view, and back.",
        Group.WHOLE,
        footer=lambda view: "zoom",
    ),
    back("escape,q,i", Group.WHOLE),
)
