"""The text of the charter, to be edited: markdown in the theme's own colours."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.binding import Binding
from textual.color import Color, ColorParseError
from textual.widgets.text_area import LanguageDoesNotExist, TextAreaTheme

from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 60_000
"""A longer text is plain: at 200 KB each key would cost 60 ms for the colours alone."""
_STYLES = {
    "heading": ("accent", True),
    "heading.marker": ("accent", True),
    "list.marker": ("primary", True),
    "text.literal": ("success", False),
    "punctuation.delimiter": ("text-muted", False),
    "punctuation.special": ("text-muted", False),
    "link.uri": ("primary", False),
    "link.label": ("primary", False),
}


class CharterArea(TypedArea):
    """Takes what is typed and pasted, without escapes and control characters."""

    BINDINGS = [
        Binding("ctrl+home", "to_start", "Start", show=False),
        Binding("ctrl+end", "to_end", "End", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=True, show_line_numbers=True, tab_behavior="indent")

    def show_text(self, text: str) -> None:
        """Another text, with the cursor where it was."""
        cursor = self.cursor_location
        try:
            self.language = "markdown" if len(text) <= _COLOURED_CHARACTERS else None
        except LanguageDoesNotExist:
            self.language = None  # the grammar is not installed: plain is readable too
        self.load_text(text)
        self.move_cursor(cursor)

    def dress(self) -> None:
        """Take the colours of the app's theme."""
        name = f"charter-{self.app.theme}"
        self.register_theme(TextAreaTheme(name, syntax_styles=_styles(self.app)))
        self.theme = name

    def action_to_start(self) -> None:
        """The first character."""
        self.move_cursor((0, 0))

    def action_to_end(self) -> None:
        """Behind the last character."""
        self.move_cursor(self.document.end)


def _styles(app: App[object]) -> dict[str, Style]:
    variables = app.get_css_variables()
    styles: dict[str, Style] = {}
    for token, (style, bold) in _STYLES.items():
        try:
            colour = Color.parse(variables.get(style, "")).rich_color
        except ColorParseError:
            colour = None  # a theme without colour
        styles[token] = Style(color=colour, bold=bold or None)
    return styles
