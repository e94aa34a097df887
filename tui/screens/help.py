"""Provides the help page: all keys of the app and what they do, made from the registry."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip

from tui.actions.action import Action
from tui.actions.registry import help_page
from tui.screens.dismiss_once import DismissOnce
from tui.widgets.painted import Sheet, strip_of
from tui.widgets.wrapped import wrapped

_KEY_CELLS = 12


class HelpPage(Sheet):
    """Lists each action with a key under its heading, its help sentence wrapped beside the keys.

    Args:
        first: The actions of the current screen, whose headings come first.
    """

    def __init__(self, first: tuple[Action, ...]) -> None:
        super().__init__()
        self._first = first

    def paint(self, width: int) -> list[Strip]:
        strong, accent = self.style_of("--strong"), self.style_of("--accent")
        strips: list[Strip] = []
        for group, actions in help_page(self._first):
            strips.append(strip_of([(str(group), accent)]))
            for action in actions:
                note = " Asks once." if action.destructive else ""
                rows = wrapped(action.help + note, max(1, width - _KEY_CELLS))
                keys = f" {action.keys or '^p'}"
                for row in rows:
                    strips.append(strip_of([(f"{keys:<{_KEY_CELLS}}", strong), (row, None)]))
                    keys = ""
            strips.append(strip_of([]))
        strips.append(strip_of([("↑ ↓ scroll   esc back", self.style_of("--dim"))]))
        return strips


class HelpScreen(ModalScreen[None], DismissOnce[None]):
    """Shows the help page of all keys in a card.

    Args:
        first: The actions of the current screen, whose headings come first.
    """

    CSS_PATH = "card.tcss"
    BINDINGS = [Binding("escape,q,question_mark", "dismiss", "Back", show=False)]

    def __init__(self, first: tuple[Action, ...] = ()) -> None:
        super().__init__()
        self._first = first

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content("Keys")
            yield HelpPage(self._first)

    def on_mount(self) -> None:
        """Focus the help page, so that the arrow keys scroll it."""
        self.query_one(HelpPage).focus()
