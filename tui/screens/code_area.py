"""The source of a training file, to be edited: Python in the theme's own colours."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError
from textual.widgets.text_area import LanguageDoesNotExist, TextAreaTheme

from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 120_000
"""A longer file is plain: each key would cost too much for the colours alone."""
_STYLES = {
    "keyword": ("primary", True, False),
    "keyword.function": ("primary", True, False),
    "keyword.operator": ("primary", True, False),
    "keyword.return": ("primary", True, False),
    "conditional": ("primary", True, False),
    "repeat": ("primary", True, False),
    "exception": ("primary", True, False),
    "include": ("primary", True, False),
    "string": ("success", False, False),
    "comment": ("text-muted", False, True),
    "number": ("warning", False, False),
    "float": ("warning", False, False),
    "boolean": ("warning", False, False),
    "constant.builtin": ("warning", False, False),
    "function": ("accent", False, False),
    "method": ("accent", False, False),
    "type": ("accent", False, False),
    "type.class": ("accent", False, False),
    "class": ("accent", False, False),
}
"""As the diffs have it: what stands for each kind of token, bold, italic."""


class CodeArea(TypedArea):
    """A training file; its colours follow the theme."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=False, show_line_numbers=True, tab_behavior="indent")

    def show_source(self, source: str) -> bool:
        """Begin with this text.

        Returns:
            Whether it can be edited here without changing lines nobody touched.
        """
        try:
            self.language = "python" if len(source) <= _COLOURED_CHARACTERS else None
        except LanguageDoesNotExist:
            self.language = None  # the grammar is not installed: plain is readable too
        self.load_text(source)
        # Form feeds and other rare line ends would come back as newlines.
        faithful = self.text == source
        self.read_only = not faithful
        return faithful

    def put(self, source: str) -> None:
        """Another text in its place; it can be undone."""
        self.replace(source, (0, 0), self.document.end)

    def dress(self) -> None:
        """Take the colours of the app's theme."""
        name = f"code-{self.app.theme}"
        self.register_theme(TextAreaTheme(name, syntax_styles=_styles(self.app)))
        self.theme = name


def _styles(app: App[object]) -> dict[str, Style]:
    variables = app.get_css_variables()
    styles: dict[str, Style] = {}
    for token, (style, bold, italic) in _STYLES.items():
        try:
            colour = Color.parse(variables.get(style, "")).rich_color
        except ColorParseError:
            colour = None  # a theme without colour
        styles[token] = Style(color=colour, bold=bold or None, italic=italic or None)
    return styles
