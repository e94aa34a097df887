"""Lists the actions of the main and detail screens, and collects those of all screens in `ALL`.

Key bindings, footers, the command palette, the help page and `docs/keys.md` are made from these
lists. `python -m tui.actions.registry > docs/keys.md` writes that file; a test checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tui.actions.action import (
    Action,
    Group,
    back,
    key_label,
    needs_engine,
    needs_experiment,
    needs_open_end,
    needs_run_or_failure,
)
from tui.actions.overview import OVERVIEW, OVERVIEW_ACTIONS
from tui.actions.replay import REPLAY
from tui.actions.review import CARD, EDITOR, REVIEW, past
from tui.actions.steering import PROGRAM_FILE, STEERING
from tui.view import View

PART_NAMES = ("Agent", "Edit", "Log", "Devices", "Progress", "Results", "Loss")
RESULTS_PART = 6
"""The number of the part with the results table, from 1."""

SECTION_NAMES = ("Diff", "Reasoning", "Log", "Measurement", "History", "Prompt")


def _constant(title: str) -> Callable[[View], str]:
    return lambda view: title


LOOP: tuple[Action, ...] = (
    Action(
        "space",
        "pause_or_resume",
        "Pause or resume",
        "Pause once the current run is recorded, or resume.",
        Group.LOOP,
        enabled=needs_open_end,
        footer=lambda view: "resume" if view.session.pause else "pause",
    ),
    Action(
        "s",
        "stop_or_go_on",
        "Stop after this run",
        "End the session once the current run is recorded; pressed again before that, do not.",
        Group.LOOP,
        destructive=True,
        enabled=needs_engine,
        footer=lambda view: "don't stop" if view.session.stop else "stop after this",
    ),
    Action(
        "x",
        "kill_run",
        "Kill this run now",
        "Kill the training process; the experiment counts as interrupted and the loop continues. "
        "Where its run cannot be started, skip the experiment.",
        Group.LOOP,
        destructive=True,
        enabled=needs_run_or_failure,
        footer=lambda view: "kill" if view.session.running else "skip",
    ),
)

PARTS: tuple[Action, ...] = (
    Action(
        "z",
        "zoom",
        "Zoom",
        "Show the focused part alone on the whole screen, and back.",
        Group.PARTS,
        footer=_constant("zoom"),
    ),
    Action("tab", "next_part", "Next part", "Go to the next part.", Group.PARTS),
    Action("shift+tab", "previous_part", "Previous part", "Go to the part before.", Group.PARTS),
    *(
        Action(str(n), f"part({n})", f"Go to {name}", f"Go to the part {name}.", Group.PARTS)
        for n, name in enumerate(PART_NAMES, start=1)
    ),
)

INSPECTING: tuple[Action, ...] = (
    Action(
        "enter",
        "open",
        "Open experiment",
        "Open the experiment selected in Results: diff, reasoning, log, measurement, history.",
        Group.INSPECTING,
        enabled=needs_experiment,
        footer=_constant("open"),
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Search in the focused part, or in the table.",
        Group.INSPECTING,
        footer=_constant("search"),
    ),
    Action(
        "f3", "search_next", "Next match", "Go to the next match of the search.", Group.INSPECTING
    ),
    Action(
        "shift+f3", "search_previous", "Previous match", "Go to the match before.", Group.INSPECTING
    ),
    Action(
        "o",
        "sort",
        "Sort results",
        "Sort the results by another column.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "f",
        "filter",
        "Filter results",
        "Show all, kept, discarded or crashed experiments.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "c",
        "curve",
        "Loss curve",
        "Draw the loss of the selected experiment over that of the current run, or no longer.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "l",
        "loss_scale",
        "Scale of the loss",
        "Draw the losses on a logarithmic scale, or on a linear one.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "y",
        "copy",
        "Copy",
        "Copy the diff in Edit, elsewhere the selected row.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "",
        "copy_commit",
        "Copy commit hash",
        "Copy the selected experiment's commit.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
    Action(
        "",
        "copy_diff",
        "Copy diff",
        "Copy the selected experiment's diff.",
        Group.INSPECTING,
        enabled=needs_experiment,
    ),
)

PROGRAM: tuple[Action, ...] = (
    Action("t", "choose_theme", "Theme", "Choose the colours; they are saved.", Group.PROGRAM),
    Action(
        "question_mark", "help", "Help", "Show all keys.", Group.PROGRAM, footer=_constant("help")
    ),
    Action(
        "ctrl+p",
        "command_palette",
        "Commands",
        "Find an action by typing.",
        Group.PROGRAM,
        footer=_constant("commands"),
    ),
    Action(
        "ctrl+l",
        "redraw",
        "Redraw",
        "Paint everything again after another program wrote on the screen.",
        Group.PROGRAM,
    ),
    Action(
        "q,ctrl+q",
        "leave",
        "Leave",
        "Leave the screen; the engine keeps running.",
        Group.PROGRAM,
        footer=_constant("leave"),
    ),
)

DETAIL: tuple[Action, ...] = (
    Action(
        "left",
        "previous_experiment",
        "Previous experiment",
        "Go to the experiment before this one.",
        Group.EXPERIMENT,
        footer=_constant("previous"),
    ),
    Action(
        "right",
        "next_experiment",
        "Next experiment",
        "Go to the experiment after this one.",
        Group.EXPERIMENT,
        footer=_constant("next"),
    ),
    Action(
        "tab",
        "next_section",
        "Next section",
        f"{', '.join(SECTION_NAMES)}.",
        Group.EXPERIMENT,
        footer=_constant("section"),
    ),
    Action(
        "shift+tab",
        "previous_section",
        "Previous section",
        "Go to the section before.",
        Group.EXPERIMENT,
    ),
    *(
        Action(
            str(n), f"section({n})", f"Go to {name}", f"Go to the section {name}.", Group.EXPERIMENT
        )
        for n, name in enumerate(SECTION_NAMES, start=1)
    ),
    Action(
        "slash",
        "search",
        "Search the log",
        "Search in the log of the run.",
        Group.EXPERIMENT,
        footer=_constant("search"),
    ),
    Action("f3", "search_next", "Next match", "Go to the next match.", Group.EXPERIMENT),
    Action(
        "shift+f3", "search_previous", "Previous match", "Go to the match before.", Group.EXPERIMENT
    ),
    Action(
        "y",
        "copy",
        "Copy",
        "Copy the diff in Diff, elsewhere the commit hash.",
        Group.EXPERIMENT,
        footer=_constant("copy"),
    ),
    *past(Group.EXPERIMENT),
    back("escape,q", Group.EXPERIMENT),
)

SUPERVISOR = LOOP + REVIEW + STEERING + PARTS + INSPECTING + OVERVIEW_ACTIONS
"""The actions of the main screen; those of `PROGRAM` are available on every screen."""

ALL = SUPERVISOR + REPLAY + DETAIL + OVERVIEW + CARD + EDITOR + PROGRAM_FILE + PROGRAM


def help_page(first: Iterable[Action] = ()) -> Iterator[tuple[Group, list[Action]]]:
    """Yield each heading of the help page with its actions; the number keys are merged into one.

    Args:
        first: The actions of the current screen, whose headings come first.
    """
    for group in dict.fromkeys((*(action.group for action in first), *Group)):
        actions = [action for action in ALL if action.group is group]
        numbered = [action for action in actions if action.key.isdigit()]
        if not numbered:
            yield group, actions
            continue
        one, names = numbered[0], ", ".join(a.title.removeprefix("Go to ") for a in numbered)
        merged = replace(one, key=f"1–{len(numbered)}", title="Go to", help=f"{names}.")
        yield group, [merged if a is one else a for a in actions if a not in numbered[1:]]


def keys_page() -> str:
    """Return the text of `docs/keys.md`: a Markdown table of keys for each heading."""
    lines = [
        "# Keys",
        "",
        "Written by `python -m tui.actions.registry`; change `tui/actions/`, not this page.",
        "",
        "Every action is also in the command palette (`^p`) and can be clicked. An action that",
        "destroys work asks once; keys pressed in the first 0.3 s of the question are ignored.",
    ]
    for group, actions in help_page():
        lines += ["", f"## {group}", "", "| key | does | |", "|---|---|---|"]
        for action in actions:
            keys = " ".join(f"`{key_label(key)}`" for key in action.key.split(",") if key)
            note = " Asks once." if action.destructive else ""
            lines.append(f"| {keys or 'palette'} | {action.title} | {action.help}{note} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(keys_page(), end="")
