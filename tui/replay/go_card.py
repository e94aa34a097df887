"""Asks for a number, and loses no key of a person who types it before the card is open."""

from __future__ import annotations

from textual import events

from tui.screens.ask_text import AskText


class GoCard(AskText):
    """What is typed goes into the field, whoever was given it.

    Args:
        last: The greatest number there is.
    """

    # A path is looked for beside the class that names it.
    CSS_PATH = ["../screens/card.tcss", "../screens/ask_text.tcss"]

    def __init__(self, last: int) -> None:
        hint = f"The number of an experiment, 1 to {last:,}." if last else "There is none yet."
        super().__init__("Go to experiment", hint, limit=12, yes="go")
        self._early: list[events.Key] = []
        """Keys that came before there was a field."""

    def on_mount(self) -> None:
        """Now there is."""
        early, self._early = self._early, []
        self._field.move_cursor(self._field.document.end)
        for event in early:
            self.take(event)

    def on_key(self, event: events.Key) -> None:
        """A key that came before the field had the focus."""
        if not self._field.has_focus and _is_typed(event):
            event.stop()
            self.take(event)

    def take(self, event: events.Key) -> None:
        """A key that was meant for the field."""
        if not _is_typed(event):
            return
        if not self._field.is_mounted:
            self._early.append(event)
        elif event.key == "enter":
            self.action_end()
        else:
            self._field.insert(event.character or "")


def _is_typed(event: events.Key) -> bool:
    return event.key == "enter" or event.is_printable
