"""Provides the card that asks the user for a text: a veto's reason, a pin, a ban or a note."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from engine.core.text import sanitize
from tui.present.text import clean_line
from tui.screens.dismiss_once import DismissOnce
from tui.screens.typed_area import TypedArea


class _Field(TypedArea):
    """A text area that sanitizes its text and cuts it at a limit; enter ends a single-line text."""

    class Ended(Message):
        """Posted when the user presses enter in a single-line field."""

    class Cut(Message):
        """Posted when a typed or pasted text did not fit and its end was dropped."""

    def __init__(self, text: str, limit: int, one_line: bool) -> None:
        super().__init__(text, soft_wrap=True, tab_behavior="focus")
        self._limit = limit
        self._one_line = one_line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self._one_line:
            event.stop()
            event.prevent_default()
            self.post_message(self.Ended())

    def accepted(self, insert: str, start: tuple[int, int], end: tuple[int, int]) -> str:
        """Return the sanitized part of typed or pasted text that fits within the limit.

        Posts `Cut` where the text does not fit whole.

        Args:
            insert: The typed or pasted text.
            start: Row and column at which the replaced text begins.
            end: Row and column at which the replaced text ends.
        """
        # A paste may hold megabytes; only as much as could be kept is sanitized.
        start_of_insert = insert[: 8 * self._limit]
        cleaned = clean_line(start_of_insert) if self._one_line else sanitize(start_of_insert)
        room = self._limit - len(self.text) + len(self.get_text_range(start, end))
        kept = cleaned[: max(0, room)]
        if len(kept) < len(cleaned) or len(start_of_insert) < len(insert):
            self.post_message(self.Cut())
        return kept


class AskText(ModalScreen[str | None], DismissOnce[str | None]):
    """Asks for a text; returns it sanitized and stripped, or None if the user goes back.

    Args:
        title: The title of the card.
        hint: One or two sentences about the use of the text.
        initial: The text that the field starts with.
        required: Refuse an empty text.
        limit: The greatest number of characters.
        lines: 1 if enter finishes the text; more if enter starts a line and ctrl+s finishes.
        warning: A warning about what is lost; "" for none.
        yes: The label of the key that finishes the text.
    """

    CSS_PATH = ["card.tcss", "ask_text.tcss"]
    BINDINGS = [
        Binding("escape", "give_up", "Back", show=False, priority=True),
        Binding("ctrl+s", "end", "Done", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        hint: str,
        initial: str = "",
        required: bool = True,
        limit: int = 2000,
        *,
        lines: int = 1,
        warning: str = "",
        yes: str = "send",
    ) -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._required = required
        self._limit = limit
        self._one_line = lines == 1
        self._warning = warning
        self._yes = yes
        initial = clean_line(initial) if self._one_line else sanitize(initial)
        self._field = _Field(initial[:limit], limit, self._one_line)

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content(clean_line(self._title))
            yield Static(Content(sanitize(self._hint)), classes="words")
            if self._warning:
                yield Static(Content(f"! {sanitize(self._warning)}"), classes="warning")
            yield self._field
            yield Static(classes="message")
            yield Static(Content(self._keys()), classes="hint")

    def on_mount(self) -> None:
        """Focus the text field, with the cursor at the end of its text."""
        self._field.set_class(not self._one_line, "-lines")
        self._field.move_cursor(self._field.document.end)
        self._field.focus()

    def _keys(self) -> str:
        end = "enter" if self._one_line else "ctrl+s"
        return f"{end} {self._yes}   esc back   at most {self._limit:,} characters"

    def _show_message(self, text: str) -> None:
        self.query_one(".message", Static).update(Content(text))

    @on(TextArea.Changed)
    def _changed(self) -> None:
        if len(self._field.text) < self._limit:
            self._show_message("")

    @on(_Field.Cut)
    def _cut(self) -> None:
        self._show_message(f"The text was cut: at most {self._limit:,} characters fit.")

    def action_end(self) -> None:
        """Close the card with the text, once the field has applied the keys typed so far.

        An empty text that is required is refused with a message, and the card stays open.
        """
        self._field.call_later(self._ended)

    @on(_Field.Ended)
    def _ended(self) -> None:
        text = self._field.text
        text = (clean_line(text) if self._one_line else sanitize(text)).strip()
        if self._required and not text:
            self._show_message("The text is empty; esc goes back.")
            return
        self.dismiss(text)

    def action_give_up(self) -> None:
        """Close the card and return None instead of a text."""
        self.dismiss(None)
