"""Provides the overview's list of all session events, with the one under the cursor in full."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from textual.app import ComposeResult

from engine.core.enums import Direction
from engine.core.errors import AutoresearchError
from engine.core.events import EPOCH, AnyEvent
from tui.overview.section import ListSection
from tui.present.events import TOPICS, EventTopic, event_text
from tui.present.lines import TextLine
from tui.present.text import clean_line
from tui.screens.text_page import TextPage
from tui.view import View
from tui.widgets.painted import Run
from tui.widgets.row_list import RowList, cell


class EventFilter(StrEnum):
    """The choices of which session events the list shows; the values are the labels."""

    NO_SAMPLES = "all but samples"
    DECISIONS = "decisions only"
    EXPERIMENTS = "experiments only"
    RUNS = "runs only"
    AGENT = "agent and queue only"
    SESSION = "session and alarms only"
    ALL = "all, samples too"


_SHOWN: dict[EventFilter, frozenset[EventTopic]] = {
    EventFilter.NO_SAMPLES: frozenset(EventTopic) - {EventTopic.SAMPLE},
    EventFilter.DECISIONS: frozenset({EventTopic.DECISION}),
    EventFilter.EXPERIMENTS: frozenset({EventTopic.EXPERIMENT}),
    EventFilter.RUNS: frozenset({EventTopic.RUN}),
    EventFilter.AGENT: frozenset({EventTopic.AGENT}),
    EventFilter.SESSION: frozenset({EventTopic.SESSION}),
    EventFilter.ALL: frozenset(EventTopic),
}


class EventList(RowList):
    """Lists the session's events, one per line, the newest last."""

    def __init__(self) -> None:
        super().__init__(classes="list")
        self.shown = EventFilter.NO_SAMPLES
        self.direction = Direction.MIN
        self._events: Sequence[AnyEvent] = ()
        self._order: list[int] = []
        self._seen = 0
        """The number of the session's events that the filter has been applied to so far."""
        self._here = 0
        """The index of the event under the cursor when the user began to change the filter."""
        self._put = -1
        """The row on which the last filter put the cursor; -1 before the first filter."""

    @property
    def event(self) -> AnyEvent | None:
        """Return the event under the cursor; None if no event is listed."""
        return self._events[self._order[self.at]] if self._order else None

    def set_events(self, events: Sequence[AnyEvent]) -> None:
        """List these events; if they continue those shown before, filter only the new ones."""
        same = self._events[-1:] == events[len(self._events) - 1 : len(self._events)]
        if len(events) < self._seen or not same:
            self._seen, self._order = 0, []
        grown = len(events) > self._seen
        self._events = events
        if grown or not self._seen:
            self._sift()

    def _sift(self, at: int | None = None) -> None:
        """List those events, new since the last call, that the chosen filter shows.

        Args:
            at: The index, among all events, of the event to put the cursor on; if the filter hides
                it, the next listed one. None leaves the cursor, or keeps it at the end.
        """
        wanted = _SHOWN[self.shown]
        self._order += [
            index
            for index in range(self._seen, len(self._events))
            if TOPICS[type(self._events[index])] in wanted
        ]
        self._seen = len(self._events)
        if at is not None:
            at = bisect_left(self._order, at)
        self.set_rows(len(self._order), at)

    def next_filter(self) -> None:
        """Switch to the next filter; the cursor stays on its event, or goes to the next listed."""
        kinds = list(EventFilter)
        self.shown = kinds[(kinds.index(self.shown) + 1) % len(kinds)]
        if self._order and self.at != self._put:
            self._here = self._order[self.at]
        self._order, self._seen = [], 0
        self._sift(self._here)
        self._put = self.at
        self.refresh()

    def empty(self) -> str:
        return "No event of this kind yet. f changes the filter."

    def row(self, index: int, width: int) -> list[Run]:
        event = self._events[self._order[index]]
        text = event_text(event, self.direction)
        number = f"#{text.experiment}" if text.experiment else ""
        dim = self.style_of("--dim")
        return [
            (cell(_time(event), 15), dim),
            (cell(number, 6, right=True), dim),
            *self.runs([(clean_line(text.line()), text.style)]),
        ]

    def matches(self, index: int, needle: str) -> bool:
        text = event_text(self._events[self._order[index]], self.direction)
        return needle in clean_line(text.line()).lower() or needle == f"#{text.experiment}"


class ActivitySection(ListSection):
    """Shows the list of events, and below it the event under the cursor in full."""

    def __init__(self) -> None:
        self._list = EventList()
        super().__init__(self._list, id="activity")
        self._detail = TextPage(classes="below")
        self._reading = False
        self._read_for: tuple[int, bool] = (-1, False)
        """The view's number of events, and whether it was live, when they were last read."""
        self._error = ""

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._detail

    def show(self, view: View) -> None:
        self._list.direction = view.session.direction
        now = (view.session.seq if view.replay is None else view.replay.step, view.link == "live")
        if now != self._read_for and not self._reading:
            self._read_for, self._reading = now, True
            self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        try:
            events = await self.shell.feed.events()
            self._error = ""
        except AutoresearchError as error:
            self._error = str(error)
        else:
            self._list.set_events(events)
        finally:
            self._reading = False
        self._show_event()
        self.post_message(self.Changed())
        self.show(self.shell.view)

    def on_row_list_moved(self) -> None:
        """Show the session event under the cursor in full, below the list."""
        self._show_event()

    def _show_event(self) -> None:
        event = self._list.event
        error: tuple[TextLine, ...] = ((self._error, "--attention"),) if self._error else ()
        self._detail.set_lines(error + (event_lines(event) if event is not None else ()))

    def caption(self) -> str:
        return f"{self._list.rows:,} events · {self._list.shown}"

    @property
    def experiment(self) -> int:
        event = self._list.event
        return event_text(event).experiment if event is not None else 0

    def cycle_filter(self) -> bool:
        self._list.next_filter()
        return True

    def copied(self) -> tuple[str, str]:
        event = self._list.event
        return "Event", "" if event is None else msgspec.json.encode(event).decode()


def event_lines(event: AnyEvent) -> tuple[TextLine, ...]:
    """Return the kind, number, time and non-empty fields of an event as lines; not sanitized."""
    when = "time not recorded" if event.at == EPOCH else f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
    head = f"{type(event).__name__} · event {event.seq:,} · {when}"
    lines: list[TextLine] = [(head, "--accent")]
    for name, value in msgspec.structs.asdict(event).items():
        if name not in ("seq", "at") and value not in ("", None, (), {}):
            lines.append((f"{name.replace('_', ' ')}: {_value(value)}", ""))
    return tuple(lines)


def _value(value: object) -> str:
    plain = msgspec.to_builtins(value)
    if isinstance(plain, str):
        return f"\n{plain}" if "\n" in plain else plain
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False, indent=1 if isinstance(plain, dict) else None)
    return str(plain)


def _time(event: AnyEvent) -> str:
    return "" if event.at == EPOCH else f"{event.at:%d %b %H:%M:%S}"
