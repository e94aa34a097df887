"""Provides the screen that lists the proposals which wait for the user's decision."""

from __future__ import annotations

from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static

from engine.core.enums import DecisionKind, QueueState
from engine.core.records import Queued
from tui.actions.registry import PROGRAM
from tui.actions.review import QUEUE
from tui.present.numbers import clock
from tui.present.risk import heaviest, risk_of, weight_style
from tui.present.text import clean_line
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.question_actions import QuestionActions
from tui.view import View
from tui.widgets.painted import Painted, strip_of
from tui.widgets.wrapped import wrapped

_EMPTY = (
    "Nothing waits for you. Proposals are listed here when you are asked about them (the autonomy "
    "sets which), and stay here if you do not answer in time: they never run without your answer."
)
_ROWS = 3
"""Rows of the screen for each proposal: its state, its hypothesis and a blank one."""


class QueueList(Painted):
    """Lists the waiting proposals one below the other, with a cursor."""

    COMPONENT_CLASSES = {"--cursor"}
    DEFAULT_CSS = """
    QueueList > .--cursor { background: $accent 35%; text-style: bold; }
    QueueList:ansi > .--cursor, QueueList:nocolor > .--cursor {
        background: initial;
        text-style: bold reverse;
    }
    """
    BINDINGS = [
        Binding("up", "cursor(-1)", "Up", show=False),
        Binding("down", "cursor(1)", "Down", show=False),
        Binding("pageup", "cursor(-5)", "Page up", show=False),
        Binding("pagedown", "cursor(5)", "Page down", show=False),
        Binding("home", "cursor(-100000)", "First", show=False),
        Binding("end", "cursor(100000)", "Last", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="waiting")
        self._queue: tuple[Queued, ...] = ()
        self._now: datetime | None = None
        self._row = 0

    @property
    def chosen(self) -> Queued | None:
        """Return the proposal under the cursor; None if the list is empty."""
        return self._queue[self._row] if self._queue else None

    def show(self, queue: tuple[Queued, ...], now: datetime) -> None:
        """Show these proposals; the cursor stays on its proposal.

        Args:
            queue: The proposals that wait for the user, first those asked about.
            now: The time from which the time to answer is counted.
        """
        chosen = self.chosen
        self._queue, self._now = queue, now
        numbers = [queued.number for queued in queue]
        if chosen is not None and chosen.number in numbers:
            self._row = numbers.index(chosen.number)
        self._row = max(0, min(self._row, len(queue) - 1))
        size = Size(0, _ROWS * len(queue))
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def action_cursor(self, step: int) -> None:
        """Move the cursor down by `step` proposals, or up if it is negative, within the list."""
        self._go(self._row + step)

    def _go(self, row: int) -> None:
        self._row = max(0, min(len(self._queue) - 1, row))
        top, room = int(self.scroll_offset.y), self.inner.height
        first = self._row * _ROWS
        if first < top:
            self.scroll_to(y=first, animate=False, force=True)
        elif first + _ROWS > top + room:
            self.scroll_to(y=first + _ROWS - room, animate=False, force=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the proposal that was clicked."""
        offset = event.get_content_offset(self)
        if offset is None or not self._queue:
            return
        row = (offset.y + int(self.scroll_offset.y)) // _ROWS
        if row < len(self._queue):
            self._go(row)

    def line(self, y: int) -> Strip:
        if not self._queue:
            rows = wrapped(_EMPTY, self.inner.width)
            return strip_of(self.runs((row, "--dim") for row in rows[y : y + 1]))
        row, part = divmod(y + int(self.scroll_offset.y), _ROWS)
        if row >= len(self._queue) or part == _ROWS - 1:
            return Strip.blank(0)
        queued, here = self._queue[row], row == self._row
        strip = self._head(queued) if part == 0 else self._hypothesis(queued)
        mark = strip_of([("▌ " if here else "  ", self.style_of("--accent"))])
        strip = Strip.join([mark, strip])
        return self.under_cursor(strip) if here else strip

    def _head(self, queued: Queued) -> Strip:
        proposal, dim = queued.proposal, self.style_of("--dim")
        weight = heaviest(queued.findings)
        parked = queued.state is QueueState.PARKED
        state = "‖ parked" if parked else "● asked"
        waits = f", since {_since(queued):%b %d %H:%M} UTC" if parked else ""
        if not parked and queued.until is not None and self._now is not None:
            waits = f", parked in {clock((queued.until - self._now).total_seconds())}"
        risk = f"risk: {risk_of(queued.findings)}"
        return strip_of(
            [
                (state, self.style_of("--accent" if parked else "--attention")),
                (waits, None),
                (" · ", dim),
                (risk, self.style_of(weight_style(weight)) if weight else None),
                (" · ", dim),
                (f"+{proposal.added} −{proposal.removed}", None),
                (" · ", dim),
                (clean_line(f"{proposal.agent or 'agent'}, {proposal.category}"), dim),
            ]
        )

    def _hypothesis(self, queued: Queued) -> Strip:
        return strip_of([(clean_line(queued.proposal.hypothesis), self.style_of("--strong"))])


def _since(queued: Queued) -> datetime:
    parked = [decided.at for decided in queued.decisions if decided.kind is DecisionKind.PARKED]
    return parked[-1] if parked else queued.at


class QueueScreen(QuestionActions):
    """Lists the waiting proposals, and opens the approval card of the one under the cursor."""

    CSS_PATH = "queue.tcss"
    ACTIONS = QUEUE
    BINDINGS = bindings_of(QUEUE)
    AUTO_FOCUS = "#waiting"

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        yield QueueList()
        yield ActionFooter((*QUEUE, *PROGRAM[1:2]), id="queue-footer")

    def on_mount(self) -> None:
        """Paint the list of proposals for the first time."""
        self.show(self.view)

    def show(self, view: View) -> None:
        """Paint the heading, the proposals that wait for the user, and the footer."""
        waiting = view.session.in_question
        asked = len(view.session.asked)
        heading = f" Waiting for you: {asked} asked, {len(waiting) - asked} parked"
        self.query_one("#heading", Static).update(Content(heading))
        self.query_one(QueueList).show(waiting, view.now)
        self.query_one(ActionFooter).show(view)

    def in_front(self) -> Queued | None:
        """Return the proposal under the cursor; None if the list is empty."""
        return self.query_one(QueueList).chosen

    def action_back(self) -> None:
        """Close this screen and return to the main screen."""
        self.dismiss()
