"""Provides the overview screen: the session in five views, kept up to date while it runs."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.actions.overview import OVERVIEW, VIEW_NAMES
from tui.actions.registry import PROGRAM
from tui.overview.activity import ActivitySection
from tui.overview.edits import EditsSection
from tui.overview.health import HealthSection
from tui.overview.leaderboard import LeaderboardSection
from tui.overview.prompt import PromptSection
from tui.overview.section import OverviewSection
from tui.present.text import clean_line
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.search_actions import SearchActions
from tui.screens.search_prompt import SearchPrompt
from tui.screens.tab_bar import TabBar
from tui.view import View
from tui.widgets.row_list import RowList


class OverviewScreen(SearchActions):
    """Shows the five views of the session as tabs.

    Args:
        active: The number of the view that is shown first, from 1 (Activity) to 5 (Health).
    """

    DEFAULT_CSS = """
    OverviewScreen { layout: vertical; overflow: hidden; background: $background; }
    OverviewScreen #caption { height: 1; padding: 0 1; color: $text-muted; }
    OverviewScreen.-zoomed .below { display: none; }
    OverviewScreen.-below .list { display: none; }
    OverviewScreen.-below .below { display: block; }
    OverviewScreen:ansi { background: ansi_default; }
    """
    ACTIONS = OVERVIEW
    BINDINGS = bindings_of(OVERVIEW, priority=frozenset({"next_view", "previous_view"}))

    def __init__(self, active: int = 1) -> None:
        super().__init__()
        self._active = active
        self._sections: tuple[OverviewSection, ...] = (
            ActivitySection(),
            LeaderboardSection(),
            EditsSection(),
            PromptSection(),
            HealthSection(),
        )

    def compose(self) -> ComposeResult:
        yield TabBar(VIEW_NAMES, "view", id="views")
        yield Static(id="caption")
        yield from self._sections
        yield SearchPrompt(id="overview-prompt")
        yield ActionFooter((*OVERVIEW, *PROGRAM[1:2]), id="overview-footer")

    @property
    def section(self) -> OverviewSection:
        """Return the section of the view that is visible."""
        return self._sections[self._active - 1]

    def on_mount(self) -> None:
        """Show the view that the screen was opened at."""
        self.action_view(self._active)

    def show(self, view: View) -> None:
        """Paint the newest view of the session: the visible section, the caption and the footer."""
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
        """Show one of the five views and focus it.

        Args:
            number: The number of the view, from 1 (Activity) to 5 (Health).
        """
        self.section.remove_class("-active")
        self._active = number
        self.section.add_class("-active")
        self.remove_class("-zoomed", "-below")
        self.section.front().focus()
        self.query_one(TabBar).show(number)
        self.show(self.view)

    def action_next_view(self) -> None:
        """Show the next of the five views; after the last, the first."""
        self.action_view(self._active % len(VIEW_NAMES) + 1)

    def action_previous_view(self) -> None:
        """Show the previous of the five views; before the first, the last."""
        self.action_view((self._active - 2) % len(VIEW_NAMES) + 1)

    def action_zoom(self) -> None:
        """Show only the part below the list, then only the list, then both.

        Does nothing in a view without a list.
        """
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

    # ---- the row under the cursor ----------------------------------------------------------------

    @on(RowList.Chosen)
    def _open(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Open the screen of the experiment under the cursor, or show that there is none."""
        number = self.section.experiment
        if 1 <= number <= len(self.view.session.experiments):
            self.shell.open_experiment(number)
        else:
            self.tell("No experiment is under the cursor.")

    async def action_copy(self) -> None:
        """Copy the event, commit or diff under the cursor, or the whole text of a page."""
        await self.shell.copy(*self.section.copied())

    def action_filter(self) -> None:
        """Switch the visible view to its next filter, or show that it has none."""
        if not self.section.cycle_filter():
            self.tell("This view has no filter.")
        self._caption()

    def action_back(self) -> None:
        """Close the overview and return to the main screen."""
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
