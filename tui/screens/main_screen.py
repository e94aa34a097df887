"""Provides the main screen: paints the newest view, and turns keys into commands to the engine."""

from __future__ import annotations

from pathlib import Path

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from engine.core.records import Experiment
from engine.core.results_row import format_row, row_of
from engine.store.curve_file import CurveFile
from tui.actions.overview import OVERVIEW_ACTIONS
from tui.actions.registry import (
    INSPECTING,
    LOOP,
    PART_NAMES,
    PARTS,
    PROGRAM,
    RESULTS_PART,
    SUPERVISOR,
)
from tui.actions.review import REVIEW
from tui.actions.steering import STEERING
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.loop_actions import LoopActions
from tui.screens.panel_grid import PanelGrid, PanelLayout, layout_for
from tui.screens.past_actions import PastActions
from tui.screens.past_row import PastRowScreen, row_of_past
from tui.screens.search_actions import SearchActions
from tui.screens.search_prompt import SearchPrompt
from tui.screens.steering_actions import SteeringActions
from tui.screens.tab_bar import TabBar
from tui.terminal.check import MINIMUM_COLUMNS, MINIMUM_ROWS
from tui.view import View
from tui.widgets.log_view import LogView
from tui.widgets.results_table import ResultsTable
from tui.widgets.status_line import StatusLine

_NEED_EXPERIMENT = frozenset({"overrule", "confirm", "revive", "copy_diff"})
"""The names of the actions that need an experiment under the cursor, not an imported row."""


class MainScreen(LoopActions, PastActions, SteeringActions, SearchActions):
    """Shows the seven parts of the session at once, or as tabs on a small terminal."""

    ACTIONS = SUPERVISOR
    BINDINGS = bindings_of(SUPERVISOR)
    AUTO_FOCUS = "#results"

    def __init__(self) -> None:
        super().__init__()
        self._kind: PanelLayout | None = None

    def compose(self) -> ComposeResult:
        # Before there are widgets: a class that changes later has the styles of all matched again.
        self._kind = layout_for(self.app.size)
        self.add_class(self._kind.value, update=False)
        yield StatusLine(id="status")
        yield TabBar(PART_NAMES, "part", id="tabs")
        yield PanelGrid(
            self._log_path,
            self._curve_file,
            lambda: self.shell.refresh_seconds,
            kind=self._kind,
            id="parts",
        )
        yield SearchPrompt(id="prompt")
        actions = (
            *(*LOOP[:1], *REVIEW, *LOOP[1:], *STEERING),
            *(*INSPECTING, *OVERVIEW_ACTIONS, *PARTS, *PROGRAM),
        )
        yield ActionFooter(actions, id="footer")
        yield Static(Content(f"too small: needs {MINIMUM_COLUMNS}×{MINIMUM_ROWS}"), id="too-small")

    @property
    def panels(self) -> PanelGrid:
        """Return the grid that holds the seven parts of the screen."""
        return self.query_one(PanelGrid)

    # ---- painting --------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Paint the newest view on the status line, the footer and the visible parts.

        Paints nothing while the terminal is too small.
        """
        if self._kind in (None, PanelLayout.TINY):
            return
        self.query_one(StatusLine).show(view)
        self.query_one(ActionFooter).show(view)
        self.panels.show(view)

    def on_mount(self) -> None:
        """Paint the first frame, and start the timer of the countdown."""
        self._mark_tab()
        self._fit(self.app.size)
        self.set_interval(1.0, self._count_down)

    def _count_down(self) -> None:
        """Repaint the screen, once a second, while the user's time to answer a proposal runs."""
        session = self.view.session
        if session.asked and session.running is None:
            self.shell.paint()

    def on_resize(self, event: events.Resize) -> None:
        """Switch to the layout for the new size of the terminal."""
        if self.is_mounted:
            self._fit(event.size)

    def _fit(self, size: Size) -> None:
        kind = layout_for(size)
        if kind is not self._kind:
            self._kind = kind
            self.update_classes({each.value: each is kind for each in PanelLayout})
            self.panels.lay_out(kind)
            self._mark_tab()
        self.panels.fit()
        self.show(self.view)

    def _mark_tab(self) -> None:
        self.query_one(TabBar).show(self.panels.active)

    def on_descendant_focus(self) -> None:
        """Mark the tab of the part of the screen that got the focus."""
        self._mark_tab()

    def _log_path(self, view: View) -> Path | None:
        """Return the log file of the newest run; None if the last two experiments have no run."""
        if (one := view.session.in_training) is not None:
            return self.shell.feed.log_path(one.number, one.runs[-1].number)
        for experiment in reversed(view.session.experiments[-2:]):
            if experiment.run is not None:
                return self.shell.feed.log_path(experiment.number, experiment.run.number)
        return None

    def _curve_file(self, experiment: int, run: int) -> CurveFile | None:
        return self.shell.feed.curve_file(experiment, run)

    # ---- parts -----------------------------------------------------------------------------------

    def action_zoom(self) -> None:
        """Show the active part alone on the whole screen, or all parts again."""
        self.panels.toggle_zoom()
        self.set_class(self.panels.zoomed, "-zoomed")

    def action_next_part(self) -> None:
        """Give the focus to the next part of the screen; after the last, to the first."""
        self.panels.go_by(1)

    def action_previous_part(self) -> None:
        """Give the focus to the previous part of the screen; before the first, to the last."""
        self.panels.go_by(-1)

    def action_part(self, number: int) -> None:
        """Give the focus to one part of the screen.

        Args:
            number: The number of the part, from 1 (Agent) to 7 (Loss).
        """
        self.panels.go_to(number)

    # ---- looking closer --------------------------------------------------------------------------

    def selected(self) -> Experiment | None:
        """Return the experiment under the results table's cursor; without a cursor, the newest.

        The result is None while the cursor is on an imported row, and if there is no experiment.
        """
        if self.panels.results.selected_past is not None:
            return None
        experiments = self.view.session.experiments
        number = self.panels.results.selected or len(experiments)
        return self.view.session.experiment(number) if 1 <= number <= len(experiments) else None

    async def action_do(self, name: str) -> None:
        """Do the action with this name.

        If it needs an experiment and the cursor is on an imported row, show a message instead.
        """
        past = self.panels.results.selected_past
        if past is not None and name in _NEED_EXPERIMENT:
            title = next(each.title for each in self.ACTIONS if each.name == name)
            self.tell(
                f"{title}: row ·{past.row} is from before the journal; only its row is known."
            )
            return
        await super().action_do(name)

    def action_open(self) -> None:
        """Open the screen of the experiment or imported row under the results table's cursor."""
        if (past := self.panels.results.selected_past) is not None:
            self._open_past(ResultsTable.OpenedPast(past))
            return
        experiment = self.selected()
        if experiment is not None:
            self.shell.open_experiment(experiment.number)

    def action_overview(self, section: int) -> None:
        """Open the overview of the session.

        Args:
            section: The view to show first, from 1 (Activity) to 5 (Health).
        """
        self.shell.open_overview(section)

    @on(ResultsTable.Opened)
    def _open(self, event: ResultsTable.Opened) -> None:
        self.shell.open_experiment(event.number)

    @on(ResultsTable.OpenedPast)
    def _open_past(self, event: ResultsTable.OpenedPast) -> None:
        self.shell.open_once(PastRowScreen(event.attempt))

    def action_sort(self) -> None:
        """Sort the results table by the next of its orders, and give it the focus."""
        self.panels.results.cycle_sort()
        self.panels.go_to(RESULTS_PART)
        self.panels.entitle(RESULTS_PART)

    def action_filter(self) -> None:
        """Show the results table with the next of its filters, and give it the focus."""
        self.panels.results.cycle_filter()
        self.panels.go_to(RESULTS_PART)
        self.panels.entitle(RESULTS_PART)

    def action_curve(self) -> None:
        """Draw the selected experiment's loss curve over the current run's, or no longer.

        Shows the loss if it is hidden.
        """
        experiment = self.selected()
        if experiment is None:
            self.tell("Select an experiment in Results: a row from before has no curve.")
            return
        drawn = self.panels.loss.choose(experiment.number)
        self.panels.reveal_loss()
        state = "is drawn" if drawn else "is no longer drawn"
        self.tell(f"The loss of #{experiment.number} {state} in Loss.")

    def action_loss_scale(self) -> None:
        """Draw the losses on a logarithmic scale, or on a linear one."""
        self.panels.loss.toggle_scale()
        self.panels.reveal_loss()

    async def action_copy(self) -> None:
        """Copy the newest diff if the diff is the active part, else the selected table row."""
        past = self.panels.results.selected_past
        if self.panels.active_part is self.panels.edit:
            await self.shell.copy("Diff", self.view.session.latest_patch)
        elif past is not None:
            await self.shell.copy(f"Row ·{past.row}", row_of_past(past))
        elif (experiment := self.selected()) is not None:
            row = row_of(experiment)
            if row is None:
                self.tell(f"Experiment {experiment.number} has no row yet.")
            else:
                await self.shell.copy(f"Row {experiment.number}", format_row(row))

    async def action_copy_commit(self) -> None:
        """Copy the commit hash of the selected experiment or imported row."""
        past, experiment = self.panels.results.selected_past, self.selected()
        if past is not None:
            await self.shell.copy("Commit", past.commit or past.named)
        elif experiment is not None:
            await self.shell.copy("Commit", experiment.commit)

    async def action_copy_diff(self) -> None:
        """Copy the diff of the selected experiment; do nothing if none is selected."""
        if (experiment := self.selected()) is not None:
            await self.shell.copy("Diff", self.shell.feed.details(experiment.number).patch)

    # ---- search ----------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Open the search prompt for the log or the results table.

        The table is searched, and gets the focus, where the active part is neither.
        """
        if self.panels.active_part not in (self.panels.log_view, self.panels.results):
            self.panels.go_to(RESULTS_PART)
        super().action_search()

    def search_title(self) -> str:
        return PART_NAMES[self.panels.active - 1]

    def count_matches(self, text: str) -> int | None:
        in_table = self.panels.active_part is self.panels.results
        return self.panels.results.count(text) if in_table else None

    def find(self, text: str, *, forward: bool) -> bool:
        part = self.panels.active_part
        searched = part if isinstance(part, LogView) else self.panels.results
        return searched.search(text, forward=forward)

    def focus_searched(self) -> None:
        self.panels.active_part.focus()
