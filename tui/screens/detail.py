"""Provides the screen of one experiment: diff, reasoning, log, measurement, history and prompt."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from engine.core.records import Experiment
from tui.actions.registry import DETAIL, PROGRAM, SECTION_NAMES
from tui.present.diff_rows import file_names
from tui.present.experiment import (
    header_lines,
    history_lines,
    measurement_lines,
    prompt_lines,
    reasoning_lines,
)
from tui.present.lines import TextLine
from tui.present.risk import risk_of
from tui.present.verdict_marks import is_unattended
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.past_actions import PastActions
from tui.screens.search_actions import SearchActions
from tui.screens.search_prompt import SearchPrompt
from tui.screens.tab_bar import TabBar
from tui.screens.text_page import TextPage
from tui.view import View
from tui.widgets.edit_panel import EditPanel, baseline_note
from tui.widgets.log_view import LogView

_LOG = 3
_LOW_ROWS = 30
_HEADLINE_EDGES = 3
"""Cells of padding and scroll bar beside the headline's text."""


class DetailScreen(PastActions, SearchActions):
    """Shows one experiment in six sections, and follows it while it runs.

    Args:
        number: The number of the experiment.
    """

    CSS_PATH = "detail.tcss"
    ACTIONS = DETAIL
    BINDINGS = bindings_of(DETAIL, priority=frozenset({"previous_experiment", "next_experiment"}))

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._shown: Experiment | None = None
        self._unattended = False
        """True if the session ended before this experiment got a verdict."""
        self._active = 1
        self._edit = EditPanel(id="diff", classes="section -active")
        self._reasoning = TextPage(id="reasoning", classes="section")
        self._log = LogView(id="detail-log", classes="section")
        self._measurement = TextPage(id="measurement", classes="section")
        self._history = TextPage(id="history", classes="section")
        self._prompt = TextPage(id="sent-prompt", classes="section")
        self._sections: tuple[Widget, ...] = (
            self._edit,
            self._reasoning,
            self._log,
            self._measurement,
            self._history,
            self._prompt,
        )

    def compose(self) -> ComposeResult:
        headline = TextPage(id="headline")
        headline.can_focus = False
        yield headline
        yield TabBar(SECTION_NAMES, "section", id="sections")
        with Container():
            for section in self._sections:
                section.can_focus = True
                yield section
        yield SearchPrompt(id="detail-prompt")
        yield ActionFooter((*DETAIL, *PROGRAM[1:2]), id="detail-footer")

    @property
    def log_view(self) -> LogView:
        """Return the widget that shows the log of the experiment's run."""
        return self._log

    @property
    def number(self) -> int:
        """Return the number of the experiment that is shown."""
        return self._number

    # ---- painting --------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Open the first section and paint the experiment at once."""
        self._go_to(1)
        self.show(self.view)

    def on_resize(self, event: events.Resize) -> None:
        """Hide the borders on a low terminal, and fit the headline's height to the new width."""
        self.set_class(event.size.height < _LOW_ROWS, "-low")
        self._fit_headline(event.size.width)

    def _fit_headline(self, columns: int) -> None:
        """Set the headline's height to the rows that its lines take, at least 1.

        Args:
            columns: The width of the terminal in cells.
        """
        headline = self.query_one("#headline", TextPage)
        headline.styles.height = max(1, headline.rows_at(columns - _HEADLINE_EDGES))

    def show(self, view: View) -> None:
        """Paint the footer, and the experiment if it has changed since the last call.

        The diff, reasoning and prompt are read only for another experiment or a new verdict.
        """
        self.query_one(ActionFooter).show(view)
        session = view.session
        if not 1 <= self._number <= len(session.experiments):
            return
        experiment = session.experiment(self._number)
        run = experiment.run
        self._log.follow(
            None if run is None else self.shell.feed.log_path(experiment.number, run.number)
        )
        unattended = is_unattended(session)
        if experiment is self._shown and unattended == self._unattended:
            return
        self._unattended = unattended
        other = self._shown is None or self._shown.number != experiment.number
        if other or (self._shown is not None and self._shown.verdict is not experiment.verdict):
            details = self.shell.feed.details(self._number)
            file = file_names(details.patch, session.config)
            note = self.no_diff_note(experiment)
            unknown = view.replay is not None and view.replay.from_table
            assessed = not experiment.is_baseline and not unknown
            risk = f" · risk: {risk_of(experiment.findings)}" * assessed
            self._edit.show_patch(details.patch, f"#{self._number} {file}", note, risk)
            self._reasoning.set_lines(reasoning_lines(experiment, details.reasoning))
            text = self.shell.feed.prompt(experiment.prompt_key) if experiment.prompt_key else None
            self._prompt.set_lines(self.prompt_lines_of(experiment, text))
        self._shown = experiment
        self.query_one("#headline", TextPage).set_lines(header_lines(session, experiment))
        self._fit_headline(self.app.size.width)
        self._measurement.set_lines(measurement_lines(session, experiment))
        self._history.set_lines(self.history_of(experiment))

    def no_diff_note(self, experiment: Experiment) -> str:
        """Return the sentence that is shown in place of a diff that is missing."""
        if experiment.is_baseline:
            return baseline_note(self.view.session.config.file_names)
        return "No diff is recorded."

    def prompt_lines_of(self, experiment: Experiment, text: str | None) -> tuple[TextLine, ...]:
        """Return the lines of the section that shows the prompt for this experiment.

        Args:
            experiment: The experiment that is shown.
            text: The prompt that the agent was sent; None if it was not kept.
        """
        return prompt_lines(experiment, text)

    def history_of(self, experiment: Experiment) -> tuple[TextLine, ...]:
        """Return the lines of the history section: the proposal, its runs and decisions."""
        return history_lines(experiment)

    # ---- sections --------------------------------------------------------------------------------

    def _go_to(self, number: int) -> None:
        self._sections[self._active - 1].remove_class("-active")
        self._active = number
        section = self._sections[number - 1]
        section.add_class("-active")
        section.focus()
        self.query_one(TabBar).show(number)

    def action_section(self, number: int) -> None:
        """Go to one of the six sections.

        Args:
            number: The number of the section, from 1 (diff) to 6 (prompt).
        """
        self._go_to(number)

    def action_next_section(self) -> None:
        """Go to the next section; after the last, to the first."""
        self._go_to(self._active % len(SECTION_NAMES) + 1)

    def action_previous_section(self) -> None:
        """Go to the previous section; before the first, to the last."""
        self._go_to((self._active - 2) % len(SECTION_NAMES) + 1)

    # ---- experiments -----------------------------------------------------------------------------

    def action_previous_experiment(self) -> None:
        """Show the experiment before this one, or a message if this is the first."""
        self._turn_to(self._number - 1)

    def action_next_experiment(self) -> None:
        """Show the experiment after this one, or a message if this is the newest."""
        self._turn_to(self._number + 1)

    def _turn_to(self, number: int) -> None:
        count = len(self.view.session.experiments)
        if not 1 <= number <= count:
            self.tell("This is the first." if number < 1 else "This is the newest.")
            return
        self._number = number
        self.show(self.view)

    def selected(self) -> Experiment | None:
        """Return the experiment that is shown; None before the first paint."""
        return self._shown

    def action_back(self) -> None:
        """Close this screen and return to the one below it."""
        self.dismiss()

    async def action_copy(self) -> None:
        """Copy the diff if the diff section is open, else the hash of the experiment's commit."""
        if self._active == 1:
            await self.shell.copy("Diff", self.shell.feed.details(self._number).patch)
        elif self._shown is not None:
            await self.shell.copy("Commit", self._shown.commit)

    # ---- search ----------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Open the log section, the only one that can be searched, and the search prompt."""
        self._go_to(_LOG)
        super().action_search()

    def search_title(self) -> str:
        return "the log"

    def find(self, text: str, *, forward: bool) -> bool:
        return self._log.search(text, forward=forward)

    def focus_searched(self) -> None:
        self._go_to(_LOG)
