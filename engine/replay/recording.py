"""Holds a session's events, and returns the session as it was after any number of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.reducer import fold
from engine.core.session import Session

EVERY = 200
"""Number of events between two saved sessions; a jump folds fewer than this."""


class Moment(NamedTuple):
    """The moment an experiment was complete: verdict given, row written, branch moved."""

    step: int
    """Number of events of the recording up to this moment."""
    number: int
    """Number of the experiment."""
    kept: bool


class EventTime(NamedTuple):
    """The time of an event in a recording, and whether it is interpolated."""

    at: datetime | None
    """The time; None if it is not recorded."""
    estimated: bool


class Recording:
    """The events of a session so far, and the session as it was after any number of them.

    Sessions are folded from the events when they are requested.

    Args:
        events: The events, oldest first.
        estimated: Sequence numbers of the events whose times are interpolated.
    """

    def __init__(
        self, events: Iterable[ev.AnyEvent] = (), estimated: frozenset[int] = frozenset()
    ) -> None:
        self._events: list[ev.AnyEvent] = []
        self._estimated = estimated
        self._kept: list[Session] = [Session()]
        self._moments: list[Moment] = []
        self._steps: list[int] = []
        self._drafts: dict[int, list[int]] = {}
        """Indices of the events with each experiment's proposal and its revisions."""
        self._settling = 0
        self._last: tuple[int, Session] = (0, self._kept[0])
        self.extend(events)

    # ---- events ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._events)

    @property
    def events(self) -> Sequence[ev.AnyEvent]:
        """Return all events, oldest first."""
        return self._events

    @property
    def moments(self) -> Sequence[Moment]:
        """Return the completed experiments in order of completion."""
        return self._moments

    @property
    def start_step(self) -> int:
        """Return the number of events before the first experiment, where a replay starts."""
        first = self._drafts.get(1)
        return first[0] if first else min(1, len(self._events))

    @property
    def folded(self) -> int:
        """Return the number of events that the last saved session includes."""
        return (len(self._kept) - 1) * EVERY

    def extend(self, events: Iterable[ev.AnyEvent]) -> None:
        """Append events, oldest first, to the recording."""
        for event in events:
            self._events.append(event)
            kind = type(event)
            if kind is ev.RunProgressed:
                continue  # the most frequent event
            if isinstance(event, ev.VerdictGiven):
                self._settle(event.experiment, event.verdict is Verdict.KEEP)
            elif kind is ev.Overruled:
                self._settling = 0  # the events that follow belong to another moment
            elif isinstance(event, ev.RowWritten | ev.FrontierAdvanced):
                number = event.experiment
                if number == self._settling:
                    self._settle(number, self._moments[-1].kept)
                elif isinstance(event, ev.RowWritten) and event.status:
                    self._settle(number, False)  # a row without a verdict
            elif isinstance(event, ev.ProposalDrafted | ev.ProposalRevised):
                self._drafts.setdefault(event.experiment, []).append(len(self._events) - 1)
                if kind is ev.ProposalDrafted:
                    self._settling = 0

    def _settle(self, number: int, kept: bool) -> None:
        if self._settling == number:
            self._moments.pop()
            self._steps.pop()
        self._settling = number
        self._moments.append(Moment(len(self._events), number, kept))
        self._steps.append(len(self._events))

    # ---- sessions --------------------------------------------------------------------------------

    def session_at(self, step: int) -> Session:
        """Return the session as it was after the first `step` events; `step` is clipped."""
        step = min(max(step, 0), len(self._events))
        while self.folded + EVERY <= step:
            self.fold_more()
        start, session = (step // EVERY) * EVERY, self._kept[step // EVERY]
        if start <= self._last[0] <= step:
            start, session = self._last  # usually one step after the last request
        session = fold(self._events[start:step], session, tolerant=True)
        self._last = (step, session)
        return session

    def fold_more(self) -> bool:
        """Fold the next `EVERY` events into a saved session, so that later jumps are fast.

        Returns:
            False if fewer events are left, so that nothing was saved.
        """
        start = self.folded
        if start + EVERY > len(self._events):
            return False
        self._kept.append(fold(self._events[start : start + EVERY], self._kept[-1], tolerant=True))
        return True

    def moment_before(self, step: int) -> int:
        """Return how many experiments are complete after `step` events.

        It is the index in `moments` of the first later moment.
        """
        return bisect_right(self._steps, step)

    def time_at(self, step: int) -> EventTime:
        """Return the time of the last of the first `step` events; its `at` is None if unknown."""
        if not 0 < step <= len(self._events):
            return EventTime(None, False)
        event = self._events[step - 1]
        if event.at == ev.EPOCH:
            return EventTime(None, False)
        return EventTime(event.at, event.seq in self._estimated)

    def proposal_text(self, number: int, step: int) -> tuple[str, str]:
        """Return an experiment's patch and reasoning, as they were after `step` events.

        Both are empty if it was not proposed by then.
        """
        patch, reasoning = "", list[str]()
        for index in self._drafts.get(number, ()):
            event = self._events[index]
            if index >= step or not isinstance(event, ev.ProposalDrafted | ev.ProposalRevised):
                break
            patch = event.patch
            reasoning.append(event.reasoning)
        return patch, "\n\n".join(filter(None, reasoning))

    def hypothesis(self, number: int) -> ev.Proposal | None:
        """Return an experiment's latest proposal in the whole recording; None without one."""
        indices = self._drafts.get(number)
        event = self._events[indices[-1]] if indices else None
        if isinstance(event, ev.ProposalDrafted | ev.ProposalRevised):
            return event.proposal
        return None
