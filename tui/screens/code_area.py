"""Provides the text area in which the user edits the source of a training file."""

from __future__ import annotations

from tui.screens.typed_area import TypedArea

_COLOURED_CHARACTERS = 120_000
"""The longest file that is coloured; colouring a longer one after each key would be too slow."""


class CodeArea(TypedArea):
    """A text area for Python source, coloured as in the diffs, with line numbers."""

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
        """Load a file's source for editing; make the area read-only if the area would alter it.

        Returns:
            True if the source can be edited; False if it has line ends that the area would change.
        """
        self.set_language("python" if len(source) <= _COLOURED_CHARACTERS else None)
        self.load_text(source)
        # The area would turn form feeds and other rare line ends into newlines.
        faithful = self.text == source
        self.read_only = not faithful
        return faithful

    def replace_all(self, source: str) -> None:
        """Replace the whole text by another, as one edit that can be undone."""
        self.replace(source, (0, 0), self.document.end)
