"""Provides the base classes of the panels, which paint their own lines in the theme's colours.

A panel has no child widgets, markup or animation: it is a list of strips, of which only the visible
ones are painted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.present.lines import TextLine

Run = tuple[str, Style | None]
"""A text and its Rich style; None stands for the panel's own style."""


def strip_of(runs: Iterable[Run]) -> Strip:
    """Return a Textual strip of texts side by side; the caller has sanitized the texts."""
    return Strip([Segment(text, style) for text, style in runs if text])


class Painted(ScrollView):
    """A base class of panels that paint line by line; a subclass implements `line`.

    Its component classes give the theme's colours a meaning: `--keep`, `--discard`, `--crash`,
    `--attention` (waits for the user), `--dim`, `--accent`, `--strong`.
    """

    COMPONENT_CLASSES = {
        "--keep",
        "--discard",
        "--crash",
        "--attention",
        "--dim",
        "--accent",
        "--strong",
    }

    DEFAULT_CSS = """
    Painted {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-gutter: stable;
    }
    Painted > .--keep { color: $success; }
    Painted > .--discard { color: $text-muted; }
    Painted > .--crash { color: $error; }
    Painted > .--attention { color: $warning; text-style: bold; }
    Painted > .--dim { color: $text-muted; }
    Painted > .--accent { color: $accent; }
    Painted > .--strong { text-style: bold; }
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles_by_class: dict[str, Style] = {}

    # ---- colours ---------------------------------------------------------------------------------

    def style_of(self, name: str) -> Style:
        """Return the style of a component class, such as `--dim`; cached until the theme changes.

        It has a background only where the class sets one.
        """
        style = self._styles_by_class.get(name)
        if style is None:
            style = self.get_visual_style(name).rich_style
            rules = self.get_component_styles(name)
            if not rules.has_rule("background") or rules.background.is_transparent:
                style = style.without_color + Style(color=style.color)
            if rules.text_style.reverse:  # which a visual style leaves out
                style += Style(reverse=True)
            self._styles_by_class[name] = style
        return style

    def runs(self, texts: Iterable[TextLine]) -> list[Run]:
        """Return each text with its Rich style, looked up from the name of its component class."""
        return [(text, self.style_of(name) if name else None) for text, name in texts]

    def notify_style_update(self) -> None:
        """Clear the cached styles: the theme or a pseudo-class changed. Called by Textual."""
        super().notify_style_update()
        self._styles_by_class.clear()

    # ---- painting --------------------------------------------------------------------------------

    @property
    def inner(self) -> Size:
        """The size of the area for lines, without border and scroll bar."""
        return self.scrollable_content_region.size

    def line(self, y: int) -> Strip:
        """Return the strip at row `y` of the visible area, from 0; implemented by each subclass.

        It is cropped or padded to the width by `render_line`.
        """
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        width = self.inner.width
        x = int(self.scroll_offset.x)
        strip = self.line(y).crop_extend(x, x + width, None)
        return strip.apply_style(self.rich_style)

    def under_cursor(self, strip: Strip) -> Strip:
        """Return a row padded to the panel's width, in the background and weight of `--cursor`.

        The panel must have that component class.
        """
        cursor = self.style_of("--cursor")
        over = Style(bgcolor=cursor.bgcolor, bold=cursor.bold, reverse=cursor.reverse)
        padded = strip.crop_extend(0, self.inner.width, None)
        return Strip([type(s)(s.text, (s.style or Style()) + over) for s in padded])

    def _scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> bool:
        # A page-down writes 224 KB of escape sequences with animation and 9 KB without.
        options["animate"] = False
        return super()._scroll_to(x, y, **options)


class Sheet(Painted):
    """A base class of panels of few lines; all are made again when content or width changes.

    A subclass implements `paint`.
    """

    fills_height = False
    """Whether the lines depend on the panel's height too, as those of a chart do."""

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._strips: list[Strip] = []
        self._painted_width: int | None = None
        self._painted_height = 0

    def paint(self, width: int) -> list[Strip]:
        """Return all lines of the panel for a width in cells; implemented by each subclass."""
        raise NotImplementedError

    def strips(self) -> list[Strip]:
        """Return all lines of the panel, made again by `paint` if the width has changed."""
        if self._painted_width != self.inner.width:
            self._make()
        return self._strips

    def repaint(self) -> None:
        """Make all lines again with `paint`; a subclass calls this when its content changed."""
        self._painted_width = None
        if self.is_mounted and self.size:
            self._make()
        self.refresh()

    def notify_style_update(self) -> None:
        """Discard the lines, so that the next paint makes them again: the theme changed."""
        super().notify_style_update()
        self._painted_width = None

    def line(self, y: int) -> Strip:
        if self.fills_height and self._painted_height != self.inner.height:
            self._painted_width = None
        strips, row = self.strips(), y + int(self.scroll_offset.y)
        return strips[row] if 0 <= row < len(strips) else Strip.blank(0)

    def on_resize(self, event: events.Resize) -> None:
        if self._painted_width != self.inner.width:
            self._make()

    def _make(self) -> None:
        width = self.inner.width
        self._painted_height = self.inner.height
        self._strips = self.paint(max(1, width))
        self._painted_width = width
        size = Size(width, len(self._strips))
        if size != self.virtual_size:
            self.virtual_size = size
