"""A few words from the person: a reason, an idea, a note."""

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
    """Takes text up to a limit, cleaned; where one line is asked for, enter ends it."""

    class Ended(Message):
        """The person is done."""

    class Cut(Message):
        """Not everything that was typed or pasted fitted."""

    def __init__(self, text: str, limit: int, one_line: bool) -> None:
        super().__init__(text, soft_wrap=True, tab_behavior="focus")
        self._limit = limit
        self._one_line = one_line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self._one_line:
            event.stop()
            event.prevent_default()
            self.post_message(self.Ended())

    def tidied(self, insert: str, start: tuple[int, int], end: tuple[int, int]) -> str:
        """As much as there is room for."""
        # A paste may hold megabytes; what could be kept of it is all that is looked at.
        looked_at = insert[: 8 * self._limit]
        cleaned = clean_line(looked_at) if self._one_line else sanitize(looked_at)
        room = self._limit - len(self.text) + len(self.get_text_range(start, end))
        kept = cleaned[: max(0, room)]
        if len(kept) < len(cleaned) or len(looked_at) < len(insert):
            self.post_message(self.Cut())
        return kept


class AskText(ModalScreen[str | None], DismissOnce[str | None]):
    """Asks for text; gives it cleaned and without blanks at its ends, or None if the person went
    back.

    Args:
        title: What is asked for.
        hint: One or two sentences on what it is for.
        initial: What stands there already.
        required: Whether nothing is no answer.
        limit: Characters at most.
        lines: One: enter ends it. More: enter begins a new line and ctrl+s ends it.
        warning: What is lost by it, shown so that it is seen.
        yes: The word for going through with it.
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
        """The keys go to the text, at its end."""
        self._field.set_class(not self._one_line, "-lines")
        self._field.move_cursor(self._field.document.end)
        self._field.focus()

    def _keys(self) -> str:
        end = "enter" if self._one_line else "ctrl+s"
        return f"{end} {self._yes}   esc back   at most {self._limit:,} characters"

    def _tell(self, words: str) -> None:
        self.query_one(".message", Static).update(Content(words))

    @on(TextArea.Changed)
    def _changed(self) -> None:
        if len(self._field.text) < self._limit:
            self._tell("")

    @on(_Field.Cut)
    def _cut(self) -> None:
        self._tell(f"Cut: there is room for {self._limit:,} characters.")

    def action_end(self) -> None:
        """Give what was typed, once the field has had the keys before this one."""
        self._field.call_later(self._ended)

    @on(_Field.Ended)
    def _ended(self) -> None:
        text = self._field.text
        text = (clean_line(text) if self._one_line else sanitize(text)).strip()
        if self._required and not text:
            self._tell("Nothing is written yet; esc goes back.")
            return
        self.dismiss(text)

    def action_give_up(self) -> None:
        """Nothing was said."""
        self.dismiss(None)
