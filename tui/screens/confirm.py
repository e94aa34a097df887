"""The one question before work is destroyed."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.screens.dismiss_once import DismissOnce
from tui.screens.link_line import LinkLine, Word

DEAF_SECONDS = 0.3
"""A card that opens under a typing person would get their key."""


class _Answers(LinkLine, can_focus=True):
    """Two words, the safe one chosen first."""

    class Given(Message):
        """The person answered."""

        def __init__(self, yes: bool) -> None:
            self.yes = yes
            super().__init__()

    def __init__(self, yes: str, no: str, clock: Callable[[], float]) -> None:
        super().__init__()
        self._labels = (no, yes)
        self._chosen = 0
        self._clock = clock
        self._deaf_until = 0.0

    def on_mount(self) -> None:
        """Show the safe answer as chosen, and hear nothing for a moment."""
        self._deaf_until = self._clock() + DEAF_SECONDS
        self._mark()

    def _mark(self) -> None:
        words: list[Word] = []
        for index, label in enumerate(self._labels):
            chosen = index == self._chosen
            text = f"[ {label} ]" if chosen else f"  {label}  "
            words += [
                Word(((text, "bold reverse" if chosen else ""),), "no" if index == 0 else "yes"),
                Word((("  ", ""),), ""),
            ]
        self.set_words(tuple(words))

    def on_key(self, event: events.Key) -> None:
        """Arrows choose, enter answers; y, n and esc answer at once."""
        event.stop()
        event.prevent_default()
        if self._clock() < self._deaf_until:
            return
        match event.key:
            case "left" | "right" | "up" | "down" | "tab" | "shift+tab":
                self._chosen = 1 - self._chosen
                self._mark()
            case "enter":
                self.post_message(self.Given(self._chosen == 1))
            case "y":
                self.post_message(self.Given(True))
            case "n" | "escape" | "q":
                self.post_message(self.Given(False))

    def on_link_line_clicked(self, event: LinkLine.Clicked) -> None:
        """The mouse answers as well."""
        event.stop()
        self.post_message(self.Given(event.name == "yes"))


class ConfirmScreen(ModalScreen[bool], DismissOnce[bool]):
    """Asks once; True when the person means it.

    Args:
        question: One sentence.
        consequence: What is lost and what is not.
        yes: The words for going through with it.
        no: The safe answer.
        clock: Seconds, monotonic.
    """

    CSS_PATH = "card.tcss"

    def __init__(
        self,
        question: str,
        consequence: str,
        yes: str,
        no: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._answers = _Answers(yes, no, clock)

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content("Are you sure?")
            yield Static(Content(self._question), classes="question")
            yield Static(Content(self._consequence), classes="consequence")
            yield self._answers
            yield Static(Content("←/→ choose   enter answer   y yes   n, esc no"), classes="hint")

    def on_mount(self) -> None:
        """The keys go to the answers alone."""
        self._answers.focus()

    def on__answers_given(self, event: _Answers.Given) -> None:
        self.dismiss(event.yes)
