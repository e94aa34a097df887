"""A text area that takes what is typed in the order it was typed, and nothing but text."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea
from textual.widgets.text_area import EditResult

from engine.core.text import sanitize


class TypedArea(TextArea):
    """Textual hears a letter at once and a backspace later, so that over a slow line, where keys
    come in bursts, it would delete the wrong letter.
    """

    async def _on_key(self, event: events.Key) -> None:
        """Keys that move and delete, in their turn; the letters are left to Textual."""
        bindings = self._bindings.key_to_bindings.get(event.key)
        if not bindings or event.is_printable:
            return
        event.stop()
        event.prevent_default()
        await self.run_action(bindings[0].action)

    def _replace_via_keyboard(
        self, insert: str, start: tuple[int, int], end: tuple[int, int]
    ) -> EditResult | None:
        """What is typed and what is pasted both come through here."""
        return super()._replace_via_keyboard(self.tidied(insert, start, end), start, end)

    def tidied(self, insert: str, start: tuple[int, int], end: tuple[int, int]) -> str:
        """What is taken of a text that is to stand between two places."""
        return sanitize(insert)
