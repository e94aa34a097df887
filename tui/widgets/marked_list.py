"""A list whose chosen line has a sign: a colour alone is not seen everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

SIGN = "›"


class MarkedList(OptionList):
    """Each line begins with a cell for the sign."""

    def __init__(self) -> None:
        super().__init__()
        self._contents: list[Content] = []
        self._signed: int | None = None

    def set_lines(self, lines: Iterable[tuple[str, Content]]) -> None:
        """Show these, each with its name; nothing is chosen then."""
        lines = list(lines)
        self._contents = [content for _, content in lines]
        self._signed = None
        self.set_options(Option(_signed(content, False), id=name) for name, content in lines)

    def watch_highlighted(self, highlighted: int | None) -> None:
        """The sign goes where the cursor goes."""
        for index in {self._signed, highlighted} - {None}:
            if index is not None and index < len(self._contents):
                content = _signed(self._contents[index], index == highlighted)
                self.replace_option_prompt_at_index(index, content)
        self._signed = highlighted
        super().watch_highlighted(highlighted)


def _signed(content: Content, chosen: bool) -> Content:
    return Content.assemble((SIGN if chosen else " ", "bold"), content)
