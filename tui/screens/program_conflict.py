"""What to do where two people changed the charter."""

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

from tui.screens.confirm import DEAF_SECONDS
from tui.screens.dismiss_once import DismissOnce
from tui.widgets.marked_list import MarkedList


class Way(StrEnum):
    """Out of the conflict."""

    EDIT = "keep editing"
    LOOK = "look at what changed on the disk"
    OVERWRITE = "save mine over it"
    TAKE = "take what is on the disk, drop mine"


class ConflictScreen(ModalScreen[Way | None], DismissOnce[Way | None]):
    """Asks which way; None is to keep editing.

    Args:
        clock: Seconds, monotonic.
    """

    CSS_PATH = ["card.tcss", "program.tcss"]
    BINDINGS = [Binding("escape,q", "dismiss", "Back", show=False)]

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._deaf_until = 0.0
        self._ways = MarkedList()

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content("program.md changed meanwhile")
            yield Static(
                Content(
                    "Somebody else changed the file since you began. "
                    "Nothing was written, and nothing of yours is lost."
                ),
                classes="words",
            )
            yield self._ways
            yield Static(Content("↑ ↓ choose   enter do it   esc keep editing"), classes="hint")

    def on_mount(self) -> None:
        """The safe way first, and no key heard for a moment."""
        self._deaf_until = self._clock() + DEAF_SECONDS
        self._ways.set_lines((way.name, Content(f" {way.value}")) for way in Way)
        self._ways.highlighted = 0
        self._ways.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        if self._clock() >= self._deaf_until:
            self.dismiss(Way[event.option_id or Way.EDIT.name])
