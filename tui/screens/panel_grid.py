"""Lays out the seven parts of the main screen, and decides which of them are visible."""

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

from engine.store.curve_file import CurveFile
from tui.actions.registry import PART_NAMES, RESULTS_PART
from tui.terminal.check import MINIMUM_COLUMNS, MINIMUM_ROWS
from tui.view import View
from tui.widgets.agent_panel import AgentPanel
from tui.widgets.devices_panel import DevicesPanel
from tui.widgets.edit_panel import EditPanel
from tui.widgets.log_view import LogView
from tui.widgets.loss_curve import LossCurve
from tui.widgets.progress_chart import ProgressChart
from tui.widgets.results_table import ResultsTable

_LOG, _LOSS = PART_NAMES.index("Log") + 1, PART_NAMES.index("Loss") + 1
_HIDDEN_POLL_SECONDS = 2.0
_WIDE_COLUMNS = 100
_WIDE_ROWS = 30
_BESIDE_COLUMNS = 150
"""The width from which the loss is drawn beside the log; below, in its place or not."""


class PanelLayout(StrEnum):
    """The layouts of the main screen by the terminal's size; each value is a CSS class."""

    WIDE = "-wide"
    NARROW = "-narrow"
    TINY = "-tiny"


def layout_for(size: Size) -> PanelLayout:
    """Return the layout of the main screen for a terminal of this size in cells."""
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
    """Shows the seven parts of the main screen side by side, or the active one alone.

    Args:
        log_path: Takes a view, and returns the log file to follow; None for none.
        curve_file: Takes the numbers of an experiment and a run, and returns the file of the run's
            loss curve; None for none.
        interval: Returns the seconds between two reads of the log.
        kind: The layout to start with.
    """

    def __init__(
        self,
        log_path: Callable[[View], Path | None],
        curve_file: Callable[[int, int], CurveFile | None],
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
        self.loss = LossCurve(curve_file, id="loss", classes="part")
        self.results = ResultsTable(id="results", classes="part -active")
        self._parts: tuple[Widget, ...] = (
            AgentPanel(id="agent", classes="part"),
            self.edit,
            self.log_view,
            DevicesPanel(id="devices", classes="part"),
            ProgressChart(id="progress", classes="part"),
            self.results,
            self.loss,
        )
        self._active = RESULTS_PART
        self._draws_loss = False
        """Whether the loss is drawn in the log's place, where there is no room for both."""
        self._zoomed = False
        self._kind = kind
        self._view = View()

    def compose(self) -> ComposeResult:
        *before, devices, progress, results, loss = self._parts
        for part in (*before, loss, devices, progress, results):
            part.can_focus = True
            yield part

    @property
    def active(self) -> int:
        """Return the number, from 1, of the part that has the keyboard focus or had it last."""
        return self._active

    @property
    def active_part(self) -> Widget:
        """Return the widget of the part that has the keyboard focus or had it last."""
        return self._parts[self._active - 1]

    @property
    def zoomed(self) -> bool:
        """Return whether the active part covers the whole screen."""
        return self._zoomed

    # ---- painting --------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Paint the newest view in each visible part; hidden parts are painted once visible."""
        self._view = view
        for number, part in enumerate(self._parts, start=1):
            if self._is_visible(number):
                self._paint_part(number, part)

    def _is_visible(self, number: int) -> bool:
        if self._kind is PanelLayout.TINY or number == self._active:
            return self._kind is not PanelLayout.TINY
        if self._zoomed or self._kind is PanelLayout.NARROW:
            return False
        hidden = _LOG if self._draws_loss else _LOSS
        return number != hidden or self._has_room

    @property
    def _has_room(self) -> bool:
        """Return whether the log and the loss are shown beside each other."""
        return self.app.size.width >= _BESIDE_COLUMNS

    def _paint_part(self, number: int, part: Widget) -> None:
        if part is self.log_view:
            self.log_view.set_poll(self._interval())
            self.log_view.follow(self._log_path(self._view))
        else:
            cast("_Part", part).show(self._view)
        self.entitle(number)

    def entitle(self, number: int) -> None:
        """Write a part's number and caption on its border.

        Args:
            number: The number of the part, from 1 (Agent) to 7 (Loss).
        """
        part = self._parts[number - 1]
        name = PART_NAMES[number - 1]
        caption = part.caption() if isinstance(part, _Captioned) else name
        text = caption if name.lower() in caption.lower() else f"{name} · {caption}"
        # The tab bar shows the number already.
        title = Content(f" {text} " if self._kind is PanelLayout.NARROW else f"{number} {text}")
        if part._border_title != title:
            part.border_title = title

    # ---- which parts are seen --------------------------------------------------------------------

    def lay_out(self, kind: PanelLayout) -> None:
        """Switch to a layout without painting; the caller calls `show` afterwards."""
        self._kind = kind
        self.update_classes({each.value: each is kind for each in PanelLayout})
        self._slow_hidden_log()

    def fit(self) -> None:
        """Show the log and the loss beside each other where the terminal is wide enough."""
        self.set_class(self._has_room, "-beside")

    def go_to(self, number: int) -> None:
        """Give the focus to the part with this number, from 1 to 7, and make it the active one."""
        self._activate(number)
        self.active_part.focus()

    def reveal_loss(self) -> None:
        """Show the loss in the log's place where it is hidden, or alone on a small terminal."""
        if self._zoomed or self._kind is PanelLayout.NARROW:
            self.go_to(_LOSS)
            return
        self._draws_loss = True
        self.add_class("-loss")
        self._slow_hidden_log()
        self.show(self._view)

    def go_by(self, step: int) -> None:
        """Give the focus to the part `step` places further, around the ends."""
        self.go_to((self._active - 1 + step) % len(self._parts) + 1)

    def toggle_zoom(self) -> None:
        """Show the active part alone on the whole screen, or all parts again."""
        self._zoomed = not self._zoomed
        self.set_class(self._zoomed, "-zoomed")
        self._slow_hidden_log()
        self.show(self._view)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Make the part active that got the focus, such as by a click."""
        if event.widget in self._parts:
            self._activate(self._parts.index(event.widget) + 1)

    def _activate(self, number: int) -> None:
        if number == self._active:
            return
        self.active_part.remove_class("-active")
        self._active = number
        if number in (_LOG, _LOSS):
            self._draws_loss = number == _LOSS
            self.set_class(self._draws_loss, "-loss")
        self.active_part.add_class("-active")
        self._slow_hidden_log()
        if self._is_visible(number):
            self._paint_part(number, self.active_part)

    def _slow_hidden_log(self) -> None:
        if not self._is_visible(self._parts.index(self.log_view) + 1):
            self.log_view.set_poll(_HIDDEN_POLL_SECONDS)
