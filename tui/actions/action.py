"""What an action is, and the reasons why one cannot be done just now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tui.view import LinkState, View


class Group(StrEnum):
    """Under which heading an action is told."""

    LOOP = "The loop"
    DECIDING = "What you decide"
    PARTS = "Parts of the screen"
    LOOKING = "Looking closer"
    REPLAY = "In a replay"
    EXPERIMENT = "An opened experiment"
    WHOLE = "The whole session"
    PROPOSAL = "A proposal before you"
    EDITING = "A proposal being edited"
    CHARTER = "program.md being edited"
    PROGRAM = "The program"


def always(view: View) -> str | None:
    """Nothing stands against it."""
    return None


@dataclass(frozen=True)
class Action:
    """One thing a person can do."""

    key: str
    """Textual's name of the key, several with commas; "" for the palette only."""
    name: str
    """The method `action_<name>` does it."""
    title: str
    """What the palette and the help call it."""
    help: str
    """One sentence."""
    group: Group
    destructive: bool = False
    """Destroys work, so it asks once."""
    enabled: Callable[[View], str | None] = always
    """Why it cannot be done now; None when it can."""
    footer: Callable[[View], str] | None = None
    """Its words in the footer, where it has a place there."""

    @property
    def keys(self) -> str:
        """The keys as a person reads them."""
        return " ".join(spoken(key) for key in self.key.split(",") if key)


def back(key: str, group: Group) -> Action:
    """Leaving a screen that lies over the main one.

    Args:
        key: All keys that do it, with commas.
        group: Under which heading it is told.
    """
    return Action(
        key, "back", "Back", "Back to the whole screen.", group, footer=lambda view: "back"
    )


_SPOKEN = {
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


def spoken(key: str) -> str:
    """A key as a person reads it: `ctrl+p` is `^p`."""
    if key in _SPOKEN:
        return _SPOKEN[key]
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else key


# ---- why something cannot be done ----------------------------------------------------------------


def needs_engine(view: View) -> str | None:
    """Somebody must be there to be asked."""
    if view.link is LinkState.REPLAY:
        return "This is a replay; no engine is asked."
    if view.session.ended is not None:
        return f"The session has ended: {view.session.ended}"
    if view.link is not LinkState.LIVE:
        return "No engine answers just now; reconnecting."
    return None


def needs_going_on(view: View) -> str | None:
    """A loop that is about to end is not paused."""
    if why := needs_engine(view):
        return why
    if view.session.stop is not None and view.session.pause is None:
        return "The session is about to end; press s first to go on."
    return None


def needs_run(view: View) -> str | None:
    """A training process must be alive."""
    if why := needs_engine(view):
        return why
    run = view.session.running
    if run is None:
        return "Nothing runs just now."
    return "This run is already being killed." if run.kill_requested else None


def needs_experiment(view: View) -> str | None:
    """There must be something to look at."""
    return None if view.session.experiments else "There is no experiment yet."


# ---- what a person decides -----------------------------------------------------------------------


def needs_question(view: View) -> str | None:
    """A proposal must wait for the person."""
    if why := needs_engine(view):
        return why
    return None if view.session.in_question else "No proposal waits for you."


def needs_something_to_veto(view: View) -> str | None:
    """A proposal that is asked about, or a run."""
    if why := needs_engine(view):
        return why
    if view.session.in_question or view.session.running is not None:
        return None
    return "No proposal waits for you, and nothing runs."


def needs_past(view: View) -> str | None:
    """An experiment must have ended."""
    if why := needs_engine(view):
        return why
    ended = any(e.verdict is not None for e in view.session.experiments)
    return None if ended else "No experiment has ended yet."
