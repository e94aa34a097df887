"""Provides the card for a program.md that was changed both on the screen and on the disk."""

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

from tui.screens.confirm import IGNORE_SECONDS
from tui.screens.dismiss_once import DismissOnce
from tui.widgets.marked_list import MarkedList


class Resolution(StrEnum):
    """The user's choices when program.md was changed on the disk too; the values are the labels."""

    EDIT = "keep editing"
    COMPARE = "show what changed on the disk"
    OVERWRITE = "save my text over it"
    TAKE = "take the text on the disk, drop mine"


class ConflictScreen(ModalScreen[Resolution | None], DismissOnce[Resolution | None]):
    """Asks how to resolve a conflict over program.md; returns the choice, or None to keep editing.

    Args:
        clock: A function that returns seconds of a monotonic clock.
    """

    CSS_PATH = ["card.tcss", "program.tcss"]
    BINDINGS = [Binding("escape,q", "dismiss", "Back", show=False)]

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._ignores_until = 0.0
        self._choices = MarkedList()

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content("program.md changed on the disk")
            yield Static(
                Content(
                    "The file was changed by another program since you began. "
                    "Nothing was written, and none of your changes is lost."
                ),
                classes="words",
            )
            yield self._choices
            yield Static(Content("↑ ↓ choose   enter do it   esc keep editing"), classes="hint")

    def on_mount(self) -> None:
        """Put the cursor on the safe choice, and ignore keys for `IGNORE_SECONDS`."""
        self._ignores_until = self._clock() + IGNORE_SECONDS
        self._choices.set_lines((way.name, Content(f" {way.value}")) for way in Resolution)
        self._choices.highlighted = 0
        self._choices.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        if self._clock() >= self._ignores_until:
            self.dismiss(Resolution[event.option_id or Resolution.EDIT.name])
