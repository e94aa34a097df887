"""Provides the card on which the user previews and chooses a colour theme."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.screens.dismiss_once import DismissOnce
from tui.themes import ThemeFile


class ThemeScreen(ModalScreen[str | None], DismissOnce[str | None]):
    """Previews each theme on the screen behind it; returns the chosen name, or None after esc.

    Args:
        themes: The themes to choose from.
        current: The name of the theme in use, which esc restores.
        preview: Applies a theme by its name.
    """

    CSS_PATH = "card.tcss"
    BINDINGS = [Binding("escape,q,t", "give_up", "Back", show=False)]

    def __init__(
        self, themes: list[ThemeFile], current: str, preview: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._themes = themes
        self._current = current
        self._apply = preview

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content("Theme")
            yield OptionList(*(Option(Content(theme.title)) for theme in self._themes))
            yield Static(Content("↑ ↓ preview   enter choose   esc back"), classes="hint")

    def on_mount(self) -> None:
        """Put the cursor on the theme that is in use."""
        options = self.query_one(OptionList)
        names = [theme.name for theme in self._themes]
        options.highlighted = names.index(self._current) if self._current in names else 0
        options.focus()

    @on(OptionList.OptionHighlighted)
    def _preview(self, event: OptionList.OptionHighlighted) -> None:
        self._apply(self._themes[event.option_index].name)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._themes[event.option_index].name)

    def action_give_up(self) -> None:
        """Restore the theme that was in use and close the card."""
        self._apply(self._current)
        self.dismiss(None)
