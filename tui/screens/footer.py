"""The last line: what can be done now, as much of it as fits."""

from __future__ import annotations

from textual import events

from tui.actions.action import Action, Group, needs_engine
from tui.screens.link_line import LinkLine, Word
from tui.view import View

_DROPPED_FIRST = (
    "next_section",
    "zoom",
    "overview(1)",
    "program",
    "pins",
    "waiting",
    "command_palette",
    "kill_run",
    "search",
    "open",
    "stop_or_go_on",
    "copy",
)
"""What a narrow line leaves out, in this order; help and leave stay to the last."""


class ActionFooter(LinkLine):
    """Keys and their words; what cannot be done now is dim.

    Args:
        actions: Those with words for the footer are shown, in this order.
    """

    DEFAULT_CSS = "ActionFooter { dock: bottom; }"

    def __init__(self, actions: tuple[Action, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = tuple(action for action in actions if action.footer is not None)
        self._view = View()
        self._hint = ""

    def hint(self, words: str) -> None:
        """Say this instead of the keys, while they are typed into something; "" ends it."""
        self._hint = words
        self._fit()

    def show(self, view: View) -> None:
        """Choose the words that fit."""
        self._view = view
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._hint:
            self.set_words((Word(((f" {self._hint}", "$text-muted"),), ""),))
            return
        # Where nobody can be asked, the keys of the loop have no place.
        alone = needs_engine(self._view) is not None
        words = {
            action.name: self._word(action)
            for action in self._actions
            if not (alone and action.group is Group.LOOP)
            # What waits for the person has a place here only while something does.
            and not (action.group is Group.DECIDING and action.enabled(self._view) is not None)
        }
        for name in _DROPPED_FIRST:
            if sum(word.width for word in words.values()) <= self.size.width:
                break
            words.pop(name, None)
        self.set_words(tuple(words.values()))

    def _word(self, action: Action) -> Word:
        assert action.footer is not None
        enabled = action.enabled(self._view) is None
        key = "bold $footer-key-foreground" if enabled else "$text-muted"
        label = "" if enabled else "$text-muted dim"
        first = action.key.split(",")[0]
        shown = action.keys.split(" ")[0] if first != "escape" else "esc"
        return Word(
            ((f" {shown}", key), (f" {action.footer(self._view)} ", label)),
            action.name,
        )
