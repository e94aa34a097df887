"""One line above the footer to type what to look for."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events, on
from textual.message import Message
from textual.widgets import Input

SEARCH_KEYS = "enter search   esc back"


class SearchPrompt(Input):
    """Hidden until asked for; enter searches, esc gives up."""

    DEFAULT_CSS = """
    SearchPrompt, SearchPrompt:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $panel;
        &.-open { display: block; }
    }
    """

    @dataclass
    class Typed(Message):
        """What the person has typed so far; None when the line is closed."""

        text: str | None

    @dataclass
    class SearchRequested(Message):
        """The person wants the next match of this; "" for the one before again."""

        text: str

    @dataclass
    class Left(Message):
        """The person changed their mind."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, select_on_focus=True)

    def ask(self, title: str) -> None:
        """Open, and take the keys."""
        self.placeholder = f"search in {title}"
        self.add_class("-open")
        self.focus()
        self.post_message(self.Typed(self.value))

    def _close(self) -> None:
        if self.has_class("-open"):
            self.remove_class("-open")
            self.post_message(self.Typed(None))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-open"):
            self.post_message(self.Typed(self.value))

    def on_blur(self) -> None:
        """The person went elsewhere; a terminal that is only not looked at changes nothing."""
        if self.app.app_focus:
            self._close()

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self._close()
        self.post_message(self.SearchRequested(self.value))

    def on_key(self, event: events.Key) -> None:
        """Esc closes; everything else is typing."""
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self._close()
            self.post_message(self.Left())
