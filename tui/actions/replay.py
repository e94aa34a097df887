"""Lists the actions of a replay, which move in time, and disables those that need an engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tui.actions.action import Action, Group, needs_engine, needs_experiment
from tui.view import View

_FOR_AN_ENGINE = (Group.LOOP, Group.DECIDING)


def _playing(view: View) -> str:
    return "pause" if view.replay is not None and view.replay.playing else "play"


REPLAY: tuple[Action, ...] = (
    Action(
        "left",
        "step(-1)",
        "Experiment before",
        "Go back to when the experiment before was settled.",
        Group.REPLAY,
        footer=lambda view: "back",
    ),
    Action(
        "right",
        "step(1)",
        "Next experiment",
        "Go on to when the next experiment was settled.",
        Group.REPLAY,
        footer=lambda view: "on",
    ),
    Action(
        "left_square_bracket,shift+left",
        "step_keep(-1)",
        "Keep before",
        "Go back to the last experiment that was kept.",
        Group.REPLAY,
        footer=lambda view: "keep before",
    ),
    Action(
        "right_square_bracket,shift+right",
        "step_keep(1)",
        "Next keep",
        "Go on to the next experiment that was kept.",
        Group.REPLAY,
        footer=lambda view: "next keep",
    ),
    Action(
        "space",
        "play",
        "Play or pause",
        "Play the recording, or pause it.",
        Group.REPLAY,
        footer=_playing,
    ),
    Action(
        "plus,equals_sign",
        "faster(1)",
        "Faster",
        "Play more experiments per second.",
        Group.REPLAY,
        footer=lambda view: "faster",
    ),
    Action("minus", "faster(-1)", "Slower", "Play fewer experiments per second.", Group.REPLAY),
    Action(
        "g",
        "go",
        "Go to number",
        "Go to an experiment by its number.",
        Group.REPLAY,
        footer=lambda view: "go to",
    ),
    Action("home", "first", "Beginning", "Go to before the first experiment.", Group.REPLAY),
    Action(
        "end",
        "present",
        "Present",
        "Go to the end, and follow a session that still runs.",
        Group.REPLAY,
        footer=lambda view: "end",
    ),
    Action(
        "D",
        "total",
        "All changes so far",
        "Show the whole diff from the baseline to the best of that moment.",
        Group.REPLAY,
        enabled=needs_experiment,
        footer=lambda view: "all changes",
    ),
    Action(
        "W",
        "what_if",
        "What would have stood",
        "Judge the keeps again by another keep rule and σ, which the arrows change; or end that.",
        Group.REPLAY,
        enabled=needs_experiment,
        footer=lambda view: "what if",
    ),
    Action(
        "u",
        "left_out",
        "Lines left out",
        "List the lines of the file that could not be read, each with the reason.",
        Group.REPLAY,
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Search the hypotheses of all experiments, or the log if that is the active part.",
        Group.REPLAY,
        footer=lambda view: "search",
    ),
)

MOVES = frozenset(
    action.name for action in REPLAY if action.key.split(",")[0] in ("left", "right", "home", "end")
)
"""Names of the replay actions whose keys (arrows, Home, End) precede the focused widget's own."""


def without_engine(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the main screen's actions for use in a replay.

    Those whose keys a replay uses are left out. Those that send commands to an engine stay, but not
    available, so that their keys show why.
    """
    taken = {key for action in REPLAY for key in action.key.split(",")}
    return tuple(
        replace(action, enabled=needs_engine) if action.group in _FOR_AN_ENGINE else action
        for action in actions
        if not taken.intersection(action.key.split(","))
    )
