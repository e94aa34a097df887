"""Provides the card that asks for the number of an experiment to jump to."""

from __future__ import annotations

from textual import events

from tui.screens.ask_text import AskText


class GoCard(AskText):
    """Asks for an experiment's number; takes all typed keys, also those typed before it is open.

    Args:
        last: The greatest number of an experiment; 0 if there is none.
    """

    # Textual resolves a path beside the class that names it.
    CSS_PATH = ["../screens/card.tcss", "../screens/ask_text.tcss"]

    def __init__(self, last: int) -> None:
        hint = f"The number of an experiment, 1 to {last:,}." if last else "No experiment yet."
        super().__init__("Go to experiment", hint, limit=12, yes="go")
        self._early: list[events.Key] = []
        """Keys typed before the text field was mounted, oldest first."""

    def on_mount(self) -> None:
        """Put the keys that were typed before the card was open into the text field."""
        early, self._early = self._early, []
        self._field.move_cursor(self._field.document.end)
        for event in early:
            self.take(event)

    def on_key(self, event: events.Key) -> None:
        """Put a key into the text field that was typed before the field had the focus."""
        if not self._field.has_focus and _is_typed(event):
            event.stop()
            self.take(event)

    def take(self, event: events.Key) -> None:
        """Put a typed key into the text field, or keep it until the field is mounted.

        Enter ends the text; a key that types nothing is ignored.
        """
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
