"""The whole session in five views, over the main screen; as true while it goes on."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.actions.overview import VIEW_NAMES, WHOLE
from tui.actions.registry import PROGRAM
from tui.overview.activity import Activity
from tui.overview.edits import Edits
from tui.overview.health import HealthSection
from tui.overview.leaderboard import Standings
from tui.overview.memory import Memory
from tui.overview.section import OverviewSection
from tui.present.text import clean_line
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.link_line import LinkLine
from tui.screens.search_actions import SearchActions
from tui.screens.search_prompt import SearchPrompt
from tui.screens.tab_bar import TabBar
from tui.view import View
from tui.widgets.row_list import RowList


class WholeScreen(SearchActions):
    """Five views as tabs.

    Args:
        active: The number of the first one seen, from 1 on.
    """

    DEFAULT_CSS = """
    WholeScreen { layout: vertical; overflow: hidden; background: $background; }
    WholeScreen #caption { height: 1; padding: 0 1; color: $text-muted; }
    WholeScreen.-zoomed .below { display: none; }
    WholeScreen.-below .list { display: none; }
    WholeScreen.-below .below { display: block; }
    WholeScreen:ansi { background: ansi_default; }
    """
    ACTIONS = WHOLE
    BINDINGS = bindings_of(WHOLE, priority=frozenset({"next_view", "previous_view"}))

    def __init__(self, active: int = 1) -> None:
        super().__init__()
        self._active = active
        self._sections: tuple[OverviewSection, ...] = (
            Activity(),
            Standings(),
            Edits(),
            Memory(),
            HealthSection(),
        )

    def compose(self) -> ComposeResult:
        yield TabBar(VIEW_NAMES, "view", id="views")
        yield Static(id="caption")
        yield from self._sections
        yield SearchPrompt(id="whole-prompt")
        yield ActionFooter((*WHOLE, *PROGRAM[1:2]), id="whole-footer")

    @property
    def section(self) -> OverviewSection:
        """The one that is seen."""
        return self._sections[self._active - 1]

    def on_mount(self) -> None:
        """Paint at once."""
        self.action_view(self._active)

    def show(self, view: View) -> None:
        """Bring what is seen up to date."""
        self.query_one(ActionFooter).show(view)
        self.section.show(view)
        self._caption()

    def _caption(self) -> None:
        tag = clean_line(self.view.session.config.tag)
        self.query_one("#caption", Static).update(
            Content(f"{tag} · {self.section.caption()}" if tag else self.section.caption())
        )

    @on(OverviewSection.Changed)
    @on(RowList.Moved)
    def _changed(self) -> None:
        self._caption()

    # ---- views -----------------------------------------------------------------------------------

    def action_view(self, number: int) -> None:
        """Go to a view by its number."""
        self.section.remove_class("-active")
        self._active = number
        self.section.add_class("-active")
        self.remove_class("-zoomed", "-below")
        self.section.front().focus()
        self.query_one(TabBar).show(number)
        self.show(self.view)

    def action_next_view(self) -> None:
        """Go on by one."""
        self.action_view(self._active % len(VIEW_NAMES) + 1)

    def action_previous_view(self) -> None:
        """Go back by one."""
        self.action_view((self._active - 2) % len(VIEW_NAMES) + 1)

    def action_zoom(self) -> None:
        """What is below the list over everything, then the list, then both."""
        below = self.section.query(".below")
        if not below:
            return
        if self.has_class("-below"):
            self.remove_class("-below")
            self.add_class("-zoomed")
            self.section.front().focus()
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        else:
            self.add_class("-below")
            below.first().focus()

    def on_link_line_clicked(self, event: LinkLine.Clicked) -> None:
        """A word of the footer or a tab."""
        self.run_worker(self.action_do(event.name))

    # ---- what is under the cursor ----------------------------------------------------------------

    @on(RowList.Chosen)
    def _open(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Open its experiment."""
        number = self.section.experiment
        if 1 <= number <= len(self.view.session.experiments):
            self.shell.open_experiment(number)
        else:
            self.tell("No experiment is under the cursor.")

    async def action_copy(self) -> None:
        """The event, commit, diff or text."""
        await self.shell.copy(*self.section.copied())

    def action_filter(self) -> None:
        """Other rows."""
        if not self.section.cycle_filter():
            self.tell("There is nothing to filter here.")
        self._caption()

    def action_back(self) -> None:
        """Back to the main screen."""
        self.dismiss()

    # ---- search ----------------------------------------------------------------------------------

    def search_title(self) -> str:
        return VIEW_NAMES[self._active - 1]

    def count_matches(self, text: str) -> int | None:
        return self.section.count(text)

    def find(self, text: str, *, forward: bool) -> bool:
        return self.section.search(text, forward=forward)

    def focus_searched(self) -> None:
        self.section.front().focus()
