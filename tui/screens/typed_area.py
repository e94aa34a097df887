"""Provides a text area that applies keys in the order typed and takes only sanitized text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.color import Color, ColorParseError
from textual.widgets import TextArea
from textual.widgets.text_area import EditResult, LanguageDoesNotExist, TextAreaTheme

from engine.core.text import sanitize


class TypedArea(TextArea):
    """A base class of text areas that apply a burst of keys in the order they were typed.

    Textual applies a letter at once and a backspace later. Over a slow connection, where keys
    arrive in bursts, it would delete the wrong letter.
    """

    TOKEN_STYLES: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """By kind of syntax token: a colour variable of the theme, and a text style such as `bold`."""

    async def _on_key(self, event: events.Key) -> None:
        """Apply a key that moves the cursor or deletes in its turn; Textual inserts the letters."""
        bindings = self._bindings.key_to_bindings.get(event.key)
        if not bindings or event.is_printable:
            return
        event.stop()
        event.prevent_default()
        await self.run_action(bindings[0].action)

    def _replace_via_keyboard(
        self, insert: str, start: tuple[int, int], end: tuple[int, int]
    ) -> EditResult | None:
        """Insert the accepted part of typed or pasted text between two positions."""
        return super()._replace_via_keyboard(self.accepted(insert, start, end), start, end)

    def accepted(self, insert: str, start: tuple[int, int], end: tuple[int, int]) -> str:
        """Return the part of typed or pasted text that may be inserted: all of it, sanitized.

        Args:
            insert: The typed or pasted text.
            start: Row and column at which the replaced text begins.
            end: Row and column at which the replaced text ends.
        """
        return sanitize(insert)

    def set_language(self, name: str | None) -> None:
        """Colour the text as a language.

        Args:
            name: The language, such as `python`; for None or without a grammar, the text is plain.
        """
        try:
            self.language = name
        except LanguageDoesNotExist:
            self.language = None

    def apply_theme(self) -> None:
        """Colour the text with the colours of the app's theme."""
        name = f"{type(self).__name__}-{self.app.theme}"
        self.register_theme(TextAreaTheme(name, syntax_styles=self._syntax_styles()))
        self.theme = name

    def _syntax_styles(self) -> dict[str, Style]:
        variables = self.app.get_css_variables()
        styles: dict[str, Style] = {}
        for token, (variable, text_style) in self.TOKEN_STYLES.items():
            try:
                colour = Color.parse(variables.get(variable, "")).rich_color
            except ColorParseError:
                colour = None  # a theme without colour
            styles[token] = Style.parse(text_style) + Style(color=colour)
        return styles
