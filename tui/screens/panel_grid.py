"""The six parts of the session, and which of them are seen."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tui.actions.registry import PART_NAMES
from tui.terminal.check import MINIMUM_COLUMNS, MINIMUM_ROWS
from tui.view import View
from tui.widgets.agent_panel import AgentPanel
from tui.widgets.devices_panel import DevicesPanel
from tui.widgets.edit_panel import EditPanel
from tui.widgets.log_view import LogView
from tui.widgets.progress_chart import ProgressChart
from tui.widgets.results_table import ResultsTable

_RESULTS = len(PART_NAMES)
_HIDDEN_POLL_SECONDS = 2.0
_WIDE_COLUMNS = 100
_WIDE_ROWS = 30


class PanelLayout(StrEnum):
    """How much room there is. The values are style classes."""

    WIDE = "-wide"
    NARROW = "-narrow"
    TINY = "-tiny"


def layout_for(size: Size) -> PanelLayout:
    """The layout for a terminal of this size."""
    if size.width < MINIMUM_COLUMNS or size.height < MINIMUM_ROWS:
        return PanelLayout.TINY
    if size.width >= _WIDE_COLUMNS and size.height >= _WIDE_ROWS:
        return PanelLayout.WIDE
    return PanelLayout.NARROW


class _Part(Protocol):
    def show(self, view: View) -> None: ...


@runtime_checkable
class _Captioned(Protocol):
    def caption(self) -> str: ...


class PanelGrid(Container):
    """All parts side by side, or the active one alone.

    Args:
        log_path: The log to follow for a view.
        interval: Seconds between two looks at it.
        kind: The layout to begin with.
    """

    def __init__(
        self,
        log_path: Callable[[View], Path | None],
        interval: Callable[[], float],
        *,
        kind: PanelLayout = PanelLayout.WIDE,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=kind.value)
        self._log_path = log_path
        self._interval = interval
        self.log_view = LogView(id="log", classes="part")
        self.edit = EditPanel(id="edit", classes="part")
        self.results = ResultsTable(id="results", classes="part -active")
        self._parts: tuple[Widget, ...] = (
            AgentPanel(id="agent", classes="part"),
            self.edit,
            self.log_view,
            DevicesPanel(id="devices", classes="part"),
            ProgressChart(id="progress", classes="part"),
            self.results,
        )
        self._active = _RESULTS
        self._zoomed = False
        self._kind = kind
        self._view = View()

    def compose(self) -> ComposeResult:
        for part in self._parts:
            part.can_focus = True
            yield part

    @property
    def active(self) -> int:
        """The number of the part that has the focus or had it last, from 1 on."""
        return self._active

    @property
    def active_part(self) -> Widget:
        """That part."""
        return self._parts[self._active - 1]

    @property
    def zoomed(self) -> bool:
        """Whether one part has the whole screen."""
        return self._zoomed

    # ---- painting --------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Bring every visible part up to date; the others wait until they are seen."""
        self._view = view
        for number, part in enumerate(self._parts, start=1):
            if self._seen(number):
                self._bring_up(number, part)

    def _seen(self, number: int) -> bool:
        alone = self._zoomed or self._kind is PanelLayout.NARROW
        return self._kind is not PanelLayout.TINY and (number == self._active or not alone)

    def _bring_up(self, number: int, part: Widget) -> None:
        if part is self.log_view:
            self.log_view.set_poll(self._interval())
            self.log_view.follow(self._log_path(self._view))
        else:
            cast("_Part", part).show(self._view)
        self.entitle(number)

    def entitle(self, number: int) -> None:
        """Write a part's caption on its border."""
        part = self._parts[number - 1]
        name = PART_NAMES[number - 1]
        caption = part.caption() if isinstance(part, _Captioned) else name
        words = caption if name.lower() in caption.lower() else f"{name} · {caption}"
        # In the tabs the number stands above already.
        title = Content(f" {words} " if self._kind is PanelLayout.NARROW else f"{number} {words}")
        if part._border_title != title:
            part.border_title = title

    # ---- which parts are seen --------------------------------------------------------------------

    def lay_out(self, kind: PanelLayout) -> None:
        """Lay the parts out for another amount of room; `show` them after it."""
        self._kind = kind
        self.update_classes({each.value: each is kind for each in PanelLayout})
        self._unseen_rest()

    def go_to(self, number: int) -> None:
        """Make a part the active one."""
        self._activate(number)
        self.active_part.focus()

    def go_by(self, step: int) -> None:
        """The next part, or the one before, around the ends."""
        self.go_to((self._active - 1 + step) % len(self._parts) + 1)

    def toggle_zoom(self) -> None:
        """The active part over everything, and back."""
        self._zoomed = not self._zoomed
        self.set_class(self._zoomed, "-zoomed")
        self._unseen_rest()
        self.show(self._view)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The mouse chooses parts as well."""
        if event.widget in self._parts:
            self._activate(self._parts.index(event.widget) + 1)

    def _activate(self, number: int) -> None:
        if number == self._active:
            return
        self.active_part.remove_class("-active")
        self._active = number
        self.active_part.add_class("-active")
        self._unseen_rest()
        if self._seen(number):
            self._bring_up(number, self.active_part)

    def _unseen_rest(self) -> None:
        if not self._seen(self._parts.index(self.log_view) + 1):
            self.log_view.set_poll(_HIDDEN_POLL_SECONDS)
