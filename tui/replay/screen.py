"""Provides the main screen of a replay: that of a live session with a time line below it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from engine.core.enums import NOT_RECORDED
from tui.actions.overview import OVERVIEW_ACTIONS
from tui.actions.registry import INSPECTING, PART_NAMES, PARTS, PROGRAM, SUPERVISOR
from tui.actions.replay import MOVES, REPLAY, without_engine
from tui.present.text import clean_line
from tui.replay.go_card import GoCard
from tui.replay.time_line import TimeLine
from tui.replay.what_if_actions import WhatIfActions
from tui.replay.what_if_line import WhatIfLine
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.panel_grid import PanelGrid
from tui.screens.search_actions import SearchActions
from tui.screens.search_prompt import SearchPrompt
from tui.screens.tab_bar import TabBar
from tui.terminal.check import MINIMUM_COLUMNS, MINIMUM_ROWS
from tui.view import View
from tui.widgets.status_line import StatusLine

_REST = without_engine(SUPERVISOR)
_SLIDER_MOVES = frozenset({"step(-1)", "step(1)"})
"""The moves in time whose arrow keys change σ while the what-if line has the focus."""


class ReplayScreen(WhatIfActions):
    """Shows all parts of the session as they were at one moment, and keys to move in time."""

    ACTIONS = (*REPLAY, *_REST)
    BINDINGS = bindings_of(ACTIONS, priority=MOVES)

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield TabBar(PART_NAMES, "part", id="tabs")
        panels = PanelGrid(
            self._log_path, self._curve_file, lambda: self.shell.refresh_seconds, id="parts"
        )
        panels.log_view.no_log_note = NOT_RECORDED
        yield panels
        yield SearchPrompt(id="prompt")
        yield WhatIfLine(id="what-if")
        yield TimeLine(self.replay.feed.player, id="time-line")
        looking = without_engine(INSPECTING)
        yield ActionFooter((*REPLAY, *looking, *OVERVIEW_ACTIONS, *PARTS, *PROGRAM), id="footer")
        yield Static(Content(f"too small: needs {MINIMUM_COLUMNS}×{MINIMUM_ROWS}"), id="too-small")

    def show(self, view: View) -> None:
        """Paint the visible parts of the screen and the time line."""
        super().show(view)
        self.query_one(TimeLine).show(self.replay.is_live)
        self.query_one(WhatIfLine).show(view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for a key that moves in time while an input or the what-if line needs it.

        For any other action, return what Textual does.
        """
        if action == "do" and parameters and parameters[0] in MOVES:
            is_slider = isinstance(self.focused, WhatIfLine) and parameters[0] in _SLIDER_MOVES
            return not (is_slider or isinstance(self.focused, Input))
        return super().check_action(action, parameters)

    # ---- time ------------------------------------------------------------------------------------

    def action_step(self, count: int) -> None:
        """Move the replay by `count` settled experiments, backwards if it is negative."""
        self.replay.feed.player.step_by(count)
        self.replay.feed.moved()

    def action_step_keep(self, direction: int) -> None:
        """Jump to the next kept experiment, or the previous one if `direction` is negative.

        Shows a message if there is none.
        """
        if self.replay.feed.player.step_by_keep(direction):
            self.replay.feed.moved()
        else:
            self.tell("There is no later keep." if direction > 0 else "There is no earlier keep.")

    def action_play(self) -> None:
        """Start or pause playing the recording."""
        self.replay.feed.player.toggle()
        self.replay.feed.moved()

    def action_faster(self, by: int) -> None:
        """Change the speed of playing by a number of levels, slower if it is negative."""
        self.replay.feed.player.faster(by)
        self.replay.feed.moved()

    def action_first(self) -> None:
        """Jump to the moment before the first experiment."""
        self.replay.feed.player.home()
        self.replay.feed.moved()

    def action_present(self) -> None:
        """Read what the session has added, jump to its end, and stay there as it grows."""
        self.replay.feed.read_new()
        self.replay.feed.player.end()
        self.replay.feed.moved()

    @on(TimeLine.Picked)
    def _picked(self, event: TimeLine.Picked) -> None:
        self.replay.feed.player.go_to_place(event.place)
        self.replay.feed.moved()

    def action_go(self) -> None:
        """Ask for the number of an experiment, and jump to the moment it was settled."""

        def answered(text: str | None) -> None:
            if text is not None:
                self._go_to(text)

        self.shell.open_once(GoCard(self.replay.feed.player.places), answered)

    def _go_to(self, text: str) -> None:
        player = self.replay.feed.player
        digits = text.strip().lstrip("#").replace(",", "")
        number = int(digits) if digits.isascii() and digits.isdigit() else 0
        if player.go_to_number(number):
            self.replay.feed.moved()
        else:
            self.tell(f"There is no settled experiment {text.strip()}.", "warning")

    def action_total(self) -> None:
        """Open the screen with the diff from the baseline to the best experiment so far."""
        from tui.replay.total import TotalScreen

        self.app.push_screen(TotalScreen())

    def action_left_out(self) -> None:
        """Open the screen of the lines left out of the recording, or show that there are none."""
        from tui.replay.left_out import LeftOutScreen

        source = self.replay.feed.source
        if source.left_out:
            self.shell.open_once(LeftOutScreen())
        else:
            self.tell(f"Every line of {clean_line(source.path.name)} could be read.")

    # ---- search ----------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Open the search prompt: for the log if that is active, else for all experiments."""
        SearchActions.action_search(self)

    @property
    def _in_log(self) -> bool:
        return self.panels.active_part is self.panels.log_view

    def search_title(self) -> str:
        return super().search_title() if self._in_log else "all experiments, those to come as well"

    def count_matches(self, text: str) -> int | None:
        return None if self._in_log else len(self._matching(text))

    def _matching(self, text: str) -> list[int]:
        """Return the places of the experiments whose hypothesis or category contains a text.

        A place is the number of experiments settled up to and including that one.
        """
        needle = clean_line(text).lower()
        recording = self.replay.feed.player.recording
        found: list[int] = []
        for place, moment in enumerate(recording.moments, start=1):
            proposal = recording.hypothesis(moment.number)
            if proposal is not None and (
                needle in clean_line(proposal.hypothesis).lower()
                or needle in proposal.category.lower()
            ):
                found.append(place)
        return found

    def find(self, text: str, *, forward: bool) -> bool:
        if self._in_log:
            return super().find(text, forward=forward)
        player = self.replay.feed.player
        found = self._matching(text) if text else []
        if not found:
            return False
        here = player.place
        if forward:
            place = next((p for p in found if p > here), found[0])
        else:
            place = next((p for p in reversed(found) if p < here), found[-1])
        player.go_to_place(place)
        self.replay.feed.moved()
        return True
