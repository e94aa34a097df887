"""An action of the user, and the conditions under which it is available."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tui.view import LinkState, View


class Group(StrEnum):
    """The heading under which the help lists an action."""

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
    """Return None: the action is always available."""
    return None


@dataclass(frozen=True)
class Action:
    """One thing that the user can do on a screen."""

    key: str
    """Textual's names of the keys, separated by commas; "" for the palette only."""
    name: str
    """The method `action_<name>` of the screen or the app performs it."""
    title: str
    """The name of the action in the palette and the help."""
    help: str
    """One sentence about what the action does."""
    group: Group
    destructive: bool = False
    """True if the action destroys work and therefore asks for confirmation."""
    enabled: Callable[[View], str | None] = always
    """Returns why the action is not available at present; None if it is."""
    footer: Callable[[View], str] | None = None
    """Returns the label in the footer; None for an action that is not shown there."""

    @property
    def keys(self) -> str:
        """Return the labels of the keys."""
        return " ".join(key_label(key) for key in self.key.split(",") if key)


def back(key: str, group: Group) -> Action:
    """Return the action that leaves a screen which lies over the main one.

    Args:
        key: Textual's names of the keys, separated by commas.
        group: The heading under which the help lists the action.
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
    """Return the label of a key: `^p` for `ctrl+p`."""
    if key in _KEY_LABELS:
        return _KEY_LABELS[key]
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else key


# ---- conditions ----------------------------------------------------------------------------------


def needs_engine(view: View) -> str | None:
    """Return why no engine can be asked; None if one is connected."""
    if view.link is LinkState.REPLAY:
        return "This is a replay; no engine is asked."
    if view.session.ended is not None:
        return f"The session has ended: {view.session.ended}"
    if view.link is not LinkState.LIVE:
        return "No engine answers just now; reconnecting."
    return None


def needs_open_end(view: View) -> str | None:
    """Return why the loop cannot be paused or resumed; None if it can."""
    if why := needs_engine(view):
        return why
    if view.session.stop is not None and view.session.pause is None:
        return "The session is about to end; press s first to continue it."
    return None


def needs_run(view: View) -> str | None:
    """Return why no run can be killed; None if one can."""
    if why := needs_engine(view):
        return why
    run = view.session.running
    if run is None:
        return "Nothing runs just now."
    return "This run is already being killed." if run.kill_requested else None


def needs_experiment(view: View) -> str | None:
    """Return a reason while the session has no experiment; None once it has one."""
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
    """Return why no verdict can be changed; None once an experiment has ended."""
    if why := needs_engine(view):
        return why
    ended = any(e.verdict is not None for e in view.session.experiments)
    return None if ended else "No experiment has ended yet."
