"""Describes one user action (`Action`), and the conditions under which it is available.

A condition takes the view that is painted and returns the reason why the action is not available,
as a sentence for the user, or None if it is available.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tui.view import LinkState, View


class Group(StrEnum):
    """The heading under which the help page and `docs/keys.md` list an action."""

    LOOP = "The loop"
    DECIDING = "What you decide"
    PARTS = "Parts of the screen"
    INSPECTING = "Looking closer"
    REPLAY = "In a replay"
    EXPERIMENT = "An opened experiment"
    OVERVIEW = "The whole session"
    PROPOSAL = "A proposal before you"
    EDITING = "A proposal being edited"
    PROGRAM_FILE = "program.md being edited"
    PROGRAM = "The program"


def always(view: View) -> str | None:
    """Return None: the condition of an action that is always available."""
    return None


@dataclass(frozen=True)
class Action:
    """One thing that the user can do on a screen: its key, name, title, help and condition."""

    key: str
    """Textual's names of the action's keys, comma-separated; "" if only the palette offers it."""
    name: str
    """`<name>` of the method `action_<name>` that performs it, with arguments if any: `part(2)`."""
    title: str
    """The title of the action in the command palette and on the help page."""
    help: str
    """One sentence about what the action does, for the command palette and the help page."""
    group: Group
    destructive: bool = False
    """True if the action destroys work; the help then says that it asks for confirmation."""
    enabled: Callable[[View], str | None] = always
    """Takes the view, and returns why the action is not available; None if it is available."""
    footer: Callable[[View], str] | None = None
    """Takes the view, and returns the label in the footer; None if the footer omits the action."""

    @property
    def keys(self) -> str:
        """Return the labels of the action's keys, separated by spaces: `q ^q`."""
        return " ".join(key_label(key) for key in self.key.split(",") if key)


def back(key: str, group: Group) -> Action:
    """Return the action "Back", which closes a screen that was opened from the main screen.

    Args:
        key: Textual's names of the keys, separated by commas.
        group: The heading under which the help page lists the action.
    """
    return Action(
        key, "back", "Back", "Back to the main screen.", group, footer=lambda view: "back"
    )


_KEY_LABELS = {
    "slash": "/",
    "question_mark": "?",
    "left": "←",
    "right": "→",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def key_label(key: str) -> str:
    """Return how the screen writes a key, from Textual's name of it: `^p` for `ctrl+p`."""
    if key in _KEY_LABELS:
        return _KEY_LABELS[key]
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else key


# ---- conditions ----------------------------------------------------------------------------------


def needs_engine(view: View) -> str | None:
    """Return why no command can be sent to an engine; None if one is connected."""
    if view.link is LinkState.REPLAY:
        return "This is a replay; no engine is asked."
    if view.session.ended is not None:
        return f"The session has ended: {view.session.ended}"
    if view.link is not LinkState.LIVE:
        return "No engine answers just now; reconnecting."
    return None


def needs_open_end(view: View) -> str | None:
    """Return why the loop cannot be paused or resumed, such as a requested stop; None if it can."""
    if why := needs_engine(view):
        return why
    if view.session.stop is not None and view.session.pause is None:
        return "The session is about to end; press s first to continue it."
    return None


def needs_run(view: View) -> str | None:
    """Return why no training run can be killed; None if one is active and not being killed yet."""
    if why := needs_engine(view):
        return why
    run = view.session.running
    if run is None:
        return "Nothing runs just now."
    return "This run is already being killed." if run.kill_requested else None


def needs_run_or_failure(view: View) -> str | None:
    """Return why nothing can be killed or skipped; None for a run, or an experiment that failed."""
    current = view.session.current
    failed = current is not None and (current.step_errors or current.lost_runs)
    if failed and current is not None and not current.is_baseline and not view.session.running:
        return needs_engine(view)
    return needs_run(view)


def needs_experiment(view: View) -> str | None:
    """Return a reason while the session has no experiment yet; None once it has one."""
    return None if view.session.experiments else "There is no experiment yet."


# ---- decisions of the user -----------------------------------------------------------------------


def needs_question(view: View) -> str | None:
    """Return why no proposal can be decided on; None if one waits for the user."""
    if why := needs_engine(view):
        return why
    return None if view.session.in_question else "No proposal waits for you."


def needs_something_to_veto(view: View) -> str | None:
    """Return why nothing can be vetoed; None if a proposal waits or a run is active."""
    if why := needs_engine(view):
        return why
    if view.session.in_question or view.session.running is not None:
        return None
    return "No proposal waits for you, and nothing runs."


def needs_past(view: View) -> str | None:
    """Return why no experiment can be overruled, confirmed or revived; None once one has ended."""
    if why := needs_engine(view):
        return why
    ended = any(e.verdict is not None for e in view.session.experiments)
    return None if ended else "No experiment has ended yet."
