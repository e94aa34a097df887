"""Everything a person can do on the screen, in one list.

It feeds the key bindings, the footer, the `?` help, the command palette and `docs/keys.md`
(`python -m tui.actions.registry > docs/keys.md`; a test compares).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tui.actions.action import (
    Action,
    Group,
    back,
    needs_engine,
    needs_experiment,
    needs_going_on,
    needs_run,
    spoken,
)
from tui.actions.overview import OVERVIEW_ACTIONS, WHOLE
from tui.actions.replay import REPLAY
from tui.actions.review import CARD, EDITOR, REVIEW, past
from tui.actions.steering import CHARTER, STEERING
from tui.view import View

PART_NAMES = ("Agent", "Edit", "Log", "Devices", "Progress", "Results")

SECTION_NAMES = ("Diff", "Reasoning", "Log", "Measurement", "History", "Told")


def _same(title: str) -> Callable[[View], str]:
    return lambda view: title


LOOP: tuple[Action, ...] = (
    Action(
        "space",
        "pause_or_resume",
        "Pause or resume",
        "Wait once the current run is recorded, or go on.",
        Group.LOOP,
        enabled=needs_going_on,
        footer=lambda view: "resume" if view.session.pause else "pause",
    ),
    Action(
        "s",
        "stop_or_go_on",
        "Stop after this run",
        "End the session once the current run is recorded; pressed again before that: do not.",
        Group.LOOP,
        destructive=True,
        enabled=needs_engine,
        footer=lambda view: "don't stop" if view.session.stop else "stop after this",
    ),
    Action(
        "x",
        "kill_run",
        "Kill this run now",
        "Kill the training process; the experiment counts as interrupted, the loop goes on.",
        Group.LOOP,
        destructive=True,
        enabled=needs_run,
        footer=_same("kill"),
    ),
)

PARTS: tuple[Action, ...] = (
    Action(
        "z",
        "zoom",
        "Zoom",
        "The focused part over the whole screen, and back.",
        Group.PARTS,
        footer=_same("zoom"),
    ),
    Action("tab", "next_part", "Next part", "Go to the next part.", Group.PARTS),
    Action("shift+tab", "previous_part", "Previous part", "Go to the part before.", Group.PARTS),
    *(
        Action(str(n), f"part({n})", f"Go to {name}", f"Go to the part {name}.", Group.PARTS)
        for n, name in enumerate(PART_NAMES, start=1)
    ),
)

LOOKING: tuple[Action, ...] = (
    Action(
        "enter",
        "open",
        "Open experiment",
        "Open the experiment selected in Results: diff, reasoning, log, measurement, history.",
        Group.LOOKING,
        enabled=needs_experiment,
        footer=_same("open"),
    ),
    Action(
        "slash",
        "search",
        "Search",
        "Search in the focused part, or in the table.",
        Group.LOOKING,
        footer=_same("search"),
    ),
    Action("f3", "search_next", "Next match", "Go to the next match of the search.", Group.LOOKING),
    Action(
        "shift+f3", "search_previous", "Previous match", "Go to the match before.", Group.LOOKING
    ),
    Action(
        "o",
        "sort",
        "Sort results",
        "Sort the results by another column.",
        Group.LOOKING,
        enabled=needs_experiment,
    ),
    Action(
        "f",
        "filter",
        "Filter results",
        "Show all, kept, discarded or crashed experiments.",
        Group.LOOKING,
        enabled=needs_experiment,
    ),
    Action(
        "y",
        "copy",
        "Copy",
        "Copy the diff in Edit, elsewhere the selected row.",
        Group.LOOKING,
        enabled=needs_experiment,
    ),
    Action(
        "",
        "copy_commit",
        "Copy commit hash",
        "Copy the selected experiment's commit.",
        Group.LOOKING,
        enabled=needs_experiment,
    ),
    Action(
        "",
        "copy_diff",
        "Copy diff",
        "Copy the selected experiment's diff.",
        Group.LOOKING,
        enabled=needs_experiment,
    ),
)

PROGRAM: tuple[Action, ...] = (
    Action("t", "choose_theme", "Theme", "Choose the colours; they are remembered.", Group.PROGRAM),
    Action("question_mark", "help", "Help", "All keys.", Group.PROGRAM, footer=_same("help")),
    Action(
        "ctrl+p",
        "command_palette",
        "Commands",
        "Find anything to do by typing.",
        Group.PROGRAM,
        footer=_same("commands"),
    ),
    Action(
        "ctrl+l",
        "redraw",
        "Redraw",
        "Paint everything again, where something else wrote on the screen.",
        Group.PROGRAM,
    ),
    Action(
        "q,ctrl+q",
        "leave",
        "Leave",
        "Leave the screen; the engine goes on.",
        Group.PROGRAM,
        footer=_same("leave"),
    ),
)

DETAIL: tuple[Action, ...] = (
    Action(
        "left",
        "previous_experiment",
        "Previous experiment",
        "The experiment before this one.",
        Group.EXPERIMENT,
        footer=_same("previous"),
    ),
    Action(
        "right",
        "next_experiment",
        "Next experiment",
        "The experiment after this one.",
        Group.EXPERIMENT,
        footer=_same("next"),
    ),
    Action(
        "tab",
        "next_section",
        "Next section",
        f"{', '.join(SECTION_NAMES)}.",
        Group.EXPERIMENT,
        footer=_same("section"),
    ),
    Action(
        "shift+tab", "previous_section", "Previous section", "The section before.", Group.EXPERIMENT
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
        footer=_same("search"),
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
        footer=_same("copy"),
    ),
    *past(Group.EXPERIMENT),
    back("escape,q", Group.EXPERIMENT),
)

SUPERVISOR = LOOP + REVIEW + STEERING + PARTS + LOOKING + OVERVIEW_ACTIONS
"""What the main screen can do; `PROGRAM` works on every screen."""

ALL = SUPERVISOR + REPLAY + DETAIL + WHOLE + CARD + EDITOR + CHARTER + PROGRAM


def on_page(here: Iterable[Action] = ()) -> Iterator[tuple[Group, list[Action]]]:
    """The actions by heading, with those of the number keys as one.

    Args:
        here: Whose headings come first, in their order: those of the screen one is on.
    """
    seen_first = [action.group for action in here]
    for group in dict.fromkeys((*seen_first, *Group)):
        actions = [action for action in ALL if action.group is group]
        numbered = [action for action in actions if action.key.isdigit()]
        if not numbered:
            yield group, actions
            continue
        first, names = numbered[0], ", ".join(a.title.removeprefix("Go to ") for a in numbered)
        merged = replace(first, key=f"1–{len(numbered)}", title="Go to", help=f"{names}.")
        yield group, [merged if a is first else a for a in actions if a not in numbered[1:]]


def keys_page() -> str:
    """`docs/keys.md`."""
    lines = [
        "# Keys",
        "",
        "Written by `python -m tui.actions.registry`; change `tui/actions/`, not this page.",
        "",
        "Everything is also in the command palette (`^p`) and within reach of the mouse. What",
        "destroys work asks once; keys pressed in the first 0.3 s of the question are ignored.",
    ]
    for group, actions in on_page():
        lines += ["", f"## {group}", "", "| key | does | |", "|---|---|---|"]
        for action in actions:
            keys = " ".join(f"`{spoken(key)}`" for key in action.key.split(",") if key)
            note = " Asks once." if action.destructive else ""
            lines.append(f"| {keys or 'palette'} | {action.title} | {action.help}{note} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(keys_page(), end="")
