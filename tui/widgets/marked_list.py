"""Shows a list whose highlighted line has a sign, because colour is not visible everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

SIGN = "›"


class MarkedList(OptionList):
    """An option list whose highlighted line begins with the sign `›`."""

    def __init__(self) -> None:
        super().__init__()
        self._contents: list[Content] = []
        self._signed: int | None = None

    def set_lines(self, lines: Iterable[tuple[str, Content]]) -> None:
        """Replace the lines of the list, and highlight none.

        Args:
            lines: The id and the content of each line.
        """
        lines = list(lines)
        self._contents = [content for _, content in lines]
        self._signed = None
        self.set_options(Option(_with_sign(content, False), id=name) for name, content in lines)

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Move the sign to the line that Textual has highlighted; None for no line."""
        for index in {self._signed, highlighted} - {None}:
            if index is not None and index < len(self._contents):
                content = _with_sign(self._contents[index], index == highlighted)
                self.replace_option_prompt_at_index(index, content)
        self._signed = highlighted
        super().watch_highlighted(highlighted)


def _with_sign(content: Content, chosen: bool) -> Content:
    return Content.assemble((SIGN if chosen else " ", "bold"), content)
