"""Provides the card that asks for confirmation before work is destroyed."""

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
from tui.screens.link_line import Label, LinkLine

IGNORE_SECONDS = 0.3
"""Seconds in which a new card ignores keys that were meant for what it covers."""


class _Answers(LinkLine, can_focus=True):
    """The two answers of a confirmation card side by side, the safe one chosen at first."""

    class Given(Message):
        """Posted when the user has answered; `yes` is True if they confirmed."""

        def __init__(self, yes: bool) -> None:
            self.yes = yes
            super().__init__()

    def __init__(self, yes: str, no: str, clock: Callable[[], float]) -> None:
        super().__init__()
        self._answer_labels = (no, yes)
        self._chosen = 0
        self._clock = clock
        self._ignores_until = 0.0

    def on_mount(self) -> None:
        """Choose the safe answer, and ignore keys for `IGNORE_SECONDS`."""
        self._ignores_until = self._clock() + IGNORE_SECONDS
        self._mark()

    def _mark(self) -> None:
        labels: list[Label] = []
        for index, label in enumerate(self._answer_labels):
            chosen = index == self._chosen
            text = f"[ {label} ]" if chosen else f"  {label}  "
            labels += [
                Label(((text, "bold reverse" if chosen else ""),), "no" if index == 0 else "yes"),
                Label((("  ", ""),), ""),
            ]
        self.set_labels(tuple(labels))

    def on_key(self, event: events.Key) -> None:
        """Choose an answer with arrows or tab, and give it with enter; y, n, q and esc give one."""
        event.stop()
        event.prevent_default()
        if self._clock() < self._ignores_until:
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
        """Give the answer that the user clicked."""
        event.stop()
        self.post_message(self.Given(event.name == "yes"))


class ConfirmScreen(ModalScreen[bool], DismissOnce[bool]):
    """Asks the user to confirm one act; returns True if they do, False if not.

    Args:
        question: The question, in one sentence.
        consequence: What is lost and what is kept, as a sentence.
        yes: The label of the answer that confirms.
        no: The label of the safe answer.
        clock: A function that returns seconds of a monotonic clock.
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
        """Focus the two answers, so that they receive the keys."""
        self._answers.focus()

    def on__answers_given(self, event: _Answers.Given) -> None:
        self.dismiss(event.yes)
