"""What a person can do in a replay: move in time. Commands to an engine are there, with the reason
why they do nothing.
"""

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
        "Back to when the experiment before was settled.",
        Group.REPLAY,
        footer=lambda view: "back",
    ),
    Action(
        "right",
        "step(1)",
        "Next experiment",
        "On to when the next experiment was settled.",
        Group.REPLAY,
        footer=lambda view: "on",
    ),
    Action(
        "left_square_bracket,shift+left",
        "step_keep(-1)",
        "Keep before",
        "Back to the last experiment that was kept.",
        Group.REPLAY,
        footer=lambda view: "keep before",
    ),
    Action(
        "right_square_bracket,shift+right",
        "step_keep(1)",
        "Next keep",
        "On to the next experiment that was kept.",
        Group.REPLAY,
        footer=lambda view: "next keep",
    ),
    Action(
        "space",
        "play",
        "Play or pause",
        "Let time pass, or stop it.",
        Group.REPLAY,
        footer=_playing,
    ),
    Action(
        "plus,equals_sign",
        "faster(1)",
        "Faster",
        "More experiments a second.",
        Group.REPLAY,
        footer=lambda view: "faster",
    ),
    Action("minus", "faster(-1)", "Slower", "Fewer experiments a second.", Group.REPLAY),
    Action(
        "g",
        "go",
        "Go to number",
        "Go to an experiment by its number.",
        Group.REPLAY,
        footer=lambda view: "go to",
    ),
    Action("home", "first", "Beginning", "Before the first experiment.", Group.REPLAY),
    Action(
        "end",
        "present",
        "Present",
        "To the end; of a session that still runs, and along with it.",
        Group.REPLAY,
        footer=lambda view: "end",
    ),
    Action(
        "c",
        "total",
        "All changes so far",
        "The whole diff from the baseline to the best of that moment.",
        Group.REPLAY,
        enabled=needs_experiment,
        footer=lambda view: "all changes",
    ),
    Action(
        "u",
        "left_out",
        "Lines left out",
        "The lines of the file that could not be read, each with the reason.",
        Group.REPLAY,
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Go to the next experiment whose words match, or search the log where the log is.",
        Group.REPLAY,
        footer=lambda view: "search",
    ),
)

MOVES = frozenset(
    action.name for action in REPLAY if action.key.split(",")[0] in ("left", "right", "home", "end")
)
"""What goes before the keys of the focused part."""


def without_engine(actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions of the live screen for a replay: none that would have another key's place, and
    those that need an engine say why they cannot be done.
    """
    taken = {key for action in REPLAY for key in action.key.split(",")}
    return tuple(
        replace(action, enabled=needs_engine) if action.group in _FOR_AN_ENGINE else action
        for action in actions
        if not taken.intersection(action.key.split(","))
    )
