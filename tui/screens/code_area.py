"""The text area for the source of a training file."""

from __future__ import annotations

from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 120_000
"""A longer file is not coloured, since colouring it at every key would be too slow."""


class CodeArea(TypedArea):
    """Edits Python source, coloured as in the diffs."""

    TOKEN_STYLES = {
        "keyword": ("primary", "bold"),
        "keyword.function": ("primary", "bold"),
        "keyword.operator": ("primary", "bold"),
        "keyword.return": ("primary", "bold"),
        "conditional": ("primary", "bold"),
        "repeat": ("primary", "bold"),
        "exception": ("primary", "bold"),
        "include": ("primary", "bold"),
        "string": ("success", ""),
        "comment": ("text-muted", "italic"),
        "number": ("warning", ""),
        "float": ("warning", ""),
        "boolean": ("warning", ""),
        "constant.builtin": ("warning", ""),
        "function": ("accent", ""),
        "method": ("accent", ""),
        "type": ("accent", ""),
        "type.class": ("accent", ""),
        "class": ("accent", ""),
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=False, show_line_numbers=True, tab_behavior="indent")

    def load_source(self, source: str) -> bool:
        """Start editing a text.

        Returns:
            True if it can be edited here without changing lines that the user did not touch.
        """
        self.set_language("python" if len(source) <= _COLOURED_CHARACTERS else None)
        self.load_text(source)
        # The area would turn form feeds and other rare line ends into newlines.
        faithful = self.text == source
        self.read_only = not faithful
        return faithful

    def replace_all(self, source: str) -> None:
        """Replace the whole text, as one edit that can be undone."""
        self.replace(source, (0, 0), self.document.end)
