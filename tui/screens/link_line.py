"""Provides one line of clickable labels: the base class of the footer and the tab bar."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True)
class Label:
    """A label of a `LinkLine`, clickable if it has a name."""

    pieces: tuple[tuple[str, str], ...]
    """The texts of the label from left to right, each with its style."""
    name: str
    """The name of the action that a click asks for; "" for a label that is not clickable."""

    @property
    def width(self) -> int:
        """Return the width of the label in cells."""
        return sum(cell_len(text) for text, _ in self.pieces)


class LinkLine(Widget, can_focus=False):
    """Shows labels side by side in one line, and repaints only when they change."""

    DEFAULT_CSS = "LinkLine { height: 1; width: 1fr; }"

    @dataclass
    class Clicked(Message):
        """Posted when the user clicked a label; `name` is the action that the label asks for."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._labels: tuple[Label, ...] = ()

    def set_labels(self, labels: tuple[Label, ...]) -> None:
        """Show these labels from the left edge, in place of those shown before."""
        if labels != self._labels:
            self._labels = labels
            self.refresh()

    def render(self) -> Content:
        return Content.assemble(*(piece for label in self._labels for piece in label.pieces))

    def on_click(self, event: events.Click) -> None:
        """Post `Clicked` for the label under the pointer, if it has a name."""
        x = event.x
        for label in self._labels:
            if x < label.width:
                if label.name:
                    self.post_message(self.Clicked(label.name))
                return
            x -= label.width
