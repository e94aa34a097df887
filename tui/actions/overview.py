"""Lists the actions that open the overview of the session, and those available in the overview."""

from __future__ import annotations

from tui.actions.action import Action, Group, back, needs_experiment

VIEW_NAMES = ("Activity", "Leaderboard", "Edits", "Memory", "Health")
_HELP = (
    "Every event of the session, filtered; the one under the cursor in full.",
    "Every measured experiment, the best first, against the baseline and the noise.",
    "Every edit of the code, with its diff; the search covers the changed lines too.",
    "The prompt that the agent is sent next, word for word.",
    "Keeps over time, category coverage, novelty, the time without a keep, the cost of a keep.",
)

OVERVIEW_ACTIONS: tuple[Action, ...] = (
    Action(
        "i",
        "overview(1)",
        "The whole session",
        f"All of it in five views: {', '.join(VIEW_NAMES)}.",
        Group.INSPECTING,
        footer=lambda view: "session",
    ),
    *(
        Action("", f"overview({n})", f"{name} of the session", sentence, Group.INSPECTING)
        for n, (name, sentence) in enumerate(zip(VIEW_NAMES[1:], _HELP[1:], strict=True), start=2)
    ),
)

OVERVIEW: tuple[Action, ...] = (
    Action("tab", "next_view", "Next view", "Go to the next view.", Group.OVERVIEW),
    Action("shift+tab", "previous_view", "View before", "Go to the view before.", Group.OVERVIEW),
    *(
        Action(str(n), f"view({n})", f"Go to {name}", sentence, Group.OVERVIEW)
        for n, (name, sentence) in enumerate(zip(VIEW_NAMES, _HELP, strict=True), start=1)
    ),
    Action(
        "f",
        "filter",
        "Filter",
        "Filter the events by topic, the leaderboard and the edits by verdict.",
        Group.OVERVIEW,
        footer=lambda view: "filter",
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Search in the view; in Edits, in the changed lines too.",
        Group.OVERVIEW,
        footer=lambda view: "search",
    ),
    Action("f3", "search_next", "Next match", "Go to the next match.", Group.OVERVIEW),
    Action(
        "shift+f3", "search_previous", "Previous match", "Go to the match before.", Group.OVERVIEW
    ),
    Action(
        "o",
        "open",
        "Open experiment",
        "Open the experiment under the cursor, as enter does.",
        Group.OVERVIEW,
        enabled=needs_experiment,
        footer=lambda view: "open",
    ),
    Action(
        "y",
        "copy",
        "Copy",
        "Copy the event, the commit, the diff or the text.",
        Group.OVERVIEW,
        footer=lambda view: "copy",
    ),
    Action(
        "z",
        "zoom",
        "Zoom",
        "Show only what is below the list, only the list, or both.",
        Group.OVERVIEW,
        footer=lambda view: "zoom",
    ),
    back("escape,q,i", Group.OVERVIEW),
)
