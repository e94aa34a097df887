"""Provides the last line of a screen: keys and labels of its actions, as many as fit."""

from __future__ import annotations

from textual import events

from tui.actions.action import Action, Group, needs_engine
from tui.screens.link_line import Label, LinkLine
from tui.view import View

_OMITTED_FIRST = (
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
"""The names of the actions that a narrow line omits, in this order; help and leave stay."""


class ActionFooter(LinkLine):
    """Shows the keys and labels of actions in one line; the unavailable ones are dim.

    Args:
        actions: The actions to choose from, in order; those without a footer label are skipped.
    """

    DEFAULT_CSS = "ActionFooter { dock: bottom; }"

    def __init__(self, actions: tuple[Action, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = tuple(action for action in actions if action.footer is not None)
        self._view = View()
        self._hint = ""

    def hint(self, text: str) -> None:
        """Show a text in place of the actions, such as keys while the user types; "" ends that."""
        self._hint = text
        self._fit()

    def show(self, view: View) -> None:
        """Show the actions of this view that fit in the line."""
        self._view = view
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._hint:
            self.set_labels((Label(((f" {self._hint}", "$text-muted"),), ""),))
            return
        # Without an engine, the keys of the loop are omitted.
        no_engine = needs_engine(self._view) is not None
        labels = {
            action.name: self._label(action)
            for action in self._actions
            if not (no_engine and action.group is Group.LOOP)
            # The keys of a decision are shown only while there is one to make.
            and not (action.group is Group.DECIDING and action.enabled(self._view) is not None)
        }
        for name in _OMITTED_FIRST:
            if sum(label.width for label in labels.values()) <= self.size.width:
                break
            labels.pop(name, None)
        self.set_labels(tuple(labels.values()))

    def _label(self, action: Action) -> Label:
        assert action.footer is not None
        enabled = action.enabled(self._view) is None
        key = "bold $footer-key-foreground" if enabled else "$text-muted"
        label = "" if enabled else "$text-muted dim"
        first = action.key.split(",")[0]
        shown = action.keys.split(" ")[0] if first != "escape" else "esc"
        return Label(
            ((f" {shown}", key), (f" {action.footer(self._view)} ", label)),
            action.name,
        )
