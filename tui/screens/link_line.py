"""One line of clickable labels: the base of the footer and the tab bar."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True)
class Label:
    """A clickable label of the line."""

    pieces: tuple[tuple[str, str], ...]
    """The texts of the label, each with its style."""
    name: str
    """The name of the action that a click asks for; "" for none."""

    @property
    def width(self) -> int:
        """Return the width in cells."""
        return sum(cell_len(text) for text, _ in self.pieces)


class LinkLine(Widget, can_focus=False):
    """Shows labels side by side, and repaints only when they change."""

    DEFAULT_CSS = "LinkLine { height: 1; width: 1fr; }"

    @dataclass
    class Clicked(Message):
        """The user clicked on a label."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._labels: tuple[Label, ...] = ()

    def set_labels(self, labels: tuple[Label, ...]) -> None:
        """Show these labels from the left edge."""
        if labels != self._labels:
            self._labels = labels
            self.refresh()

    def render(self) -> Content:
        return Content.assemble(*(piece for label in self._labels for piece in label.pieces))

    def on_click(self, event: events.Click) -> None:
        """Post the action of the label under the pointer."""
        x = event.x
        for label in self._labels:
            if x < label.width:
                if label.name:
                    self.post_message(self.Clicked(label.name))
                return
            x -= label.width
