"""Provides the card that asks whether a program.md changed while a run trained is to be used."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from engine.core.events import ProgramQuestioned
from tui.present.lines import TextLine
from tui.screens.confirm import IGNORE_SECONDS
from tui.screens.dismiss_once import DismissOnce
from tui.screens.text_page import TextPage
from tui.widgets.marked_list import MarkedList

_STYLES = {"+": "--keep", "-": "--crash", "@": "--accent"}


class Answer(StrEnum):
    """The user's answers about a changed program.md; the values are the labels."""

    LATER = "decide later"
    ACCEPT = "it is mine: use it from the next proposal on"
    REFUSE = "keep the version in force, and ask no more about this text"
    EDIT = "open the file in the editor"


class ProgramQuestionScreen(ModalScreen[Answer | None], DismissOnce[Answer | None]):
    """Shows what changed in program.md, and returns the user's answer; None to decide later.

    Args:
        question: The question as recorded.
        clock: A function that returns seconds of a monotonic clock.
    """

    CSS_PATH = ["card.tcss", "program.tcss"]
    BINDINGS = [Binding("escape,q", "dismiss", "Back", show=False)]

    def __init__(
        self, question: ProgramQuestioned, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._question = question
        self._clock = clock
        self._ignores_until = 0.0
        self._page = TextPage(id="program-diff")
        self._choices = MarkedList()

    def compose(self) -> ComposeResult:
        number = self._question.experiment
        with Vertical(classes="card") as card:
            card.border_title = Content("program.md changed on the disk")
            yield Static(
                Content(
                    f"It was changed while #{number} ran: by you, or by the run itself. "
                    "The agent gets the earlier version until you accept this one."
                ),
                classes="words",
            )
            yield self._page
            yield self._choices
            yield Static(
                Content("↑ ↓ choose   enter do it   tab the change   esc later"), classes="hint"
            )

    def on_mount(self) -> None:
        """Show the change, put the cursor on the first choice, and ignore keys for a moment."""
        self._page.set_lines(diff_lines(self._question.diff))
        self._ignores_until = self._clock() + IGNORE_SECONDS
        self._choices.set_lines((answer.name, Content(f" {answer.value}")) for answer in Answer)
        self._choices.highlighted = 0
        self._choices.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        if self._clock() >= self._ignores_until:
            self.dismiss(Answer[event.option_id or Answer.LATER.name])


def diff_lines(diff: str) -> tuple[TextLine, ...]:
    """Return the lines of a unified diff without its header, each with its style."""
    lines = diff.splitlines()[2:]
    return tuple((line, _STYLES.get(line[:1], "")) for line in lines) or (("No line differs.", ""),)
