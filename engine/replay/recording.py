"""Events with random access: what the session was after any number of them."""

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
"""A folded session is kept every so many events: a jump folds fewer than these."""


class Moment(NamedTuple):
    """When an experiment was settled: its verdict given, its row written, the branch moved."""

    step: int
    """So many events had happened."""
    number: int
    """Of the experiment."""
    kept: bool


class When(NamedTuple):
    """A time, and whether it is known or only lies between two known ones."""

    at: datetime | None
    """None: not recorded."""
    estimated: bool


class Recording:
    """All events of a session so far. Folding is put off until somebody looks.

    Args:
        events: Oldest first.
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
        """Where each experiment's proposal and its revisions stand."""
        self._settling = 0
        self._last: tuple[int, Session] = (0, self._kept[0])
        self.extend(events)

    # ---- what there is ---------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._events)

    @property
    def events(self) -> Sequence[ev.AnyEvent]:
        """All of them, oldest first; not to be changed."""
        return self._events

    @property
    def moments(self) -> Sequence[Moment]:
        """The settled experiments, in the order they were settled."""
        return self._moments

    @property
    def opening(self) -> int:
        """So many events came before the first experiment: the session's own beginning."""
        first = self._drafts.get(1)
        return first[0] if first else min(1, len(self._events))

    @property
    def folded(self) -> int:
        """So many events are folded for jumps already."""
        return (len(self._kept) - 1) * EVERY

    def extend(self, events: Iterable[ev.AnyEvent]) -> None:
        """More has happened."""
        for event in events:
            self._events.append(event)
            kind = type(event)
            if kind is ev.RunProgressed:
                continue  # three events of four
            if isinstance(event, ev.VerdictGiven):
                self._settle(event.experiment, event.verdict is Verdict.KEEP)
            elif kind is ev.Overruled:
                self._settling = 0  # what follows from that is another moment
            elif isinstance(event, ev.RowWritten | ev.FrontierAdvanced):
                number = event.experiment
                if number == self._settling:
                    self._settle(number, self._moments[-1].kept)
                elif isinstance(event, ev.RowWritten) and event.status:
                    self._settle(number, False)  # a row that was never decided
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

    # ---- any moment ------------------------------------------------------------------------------

    def session_at(self, step: int) -> Session:
        """The session after the first `step` events; the nearest there is beyond either end."""
        step = min(max(step, 0), len(self._events))
        while self.folded + EVERY <= step:
            self.fold_more()
        start, session = (step // EVERY) * EVERY, self._kept[step // EVERY]
        if start <= self._last[0] <= step:
            start, session = self._last  # one step on from the last look, as a rule
        session = fold(self._events[start:step], session, tolerant=True)
        self._last = (step, session)
        return session

    def fold_more(self) -> bool:
        """Fold the next stretch, so that no jump has to; whether anything was left to fold."""
        done = self.folded
        if done + EVERY > len(self._events):
            return False
        self._kept.append(fold(self._events[done : done + EVERY], self._kept[-1], tolerant=True))
        return True

    def moment_before(self, step: int) -> int:
        """How many experiments were settled by then: the index of the next one."""
        return bisect_right(self._steps, step)

    def when(self, step: int) -> When:
        """The time after the first `step` events."""
        if not 0 < step <= len(self._events):
            return When(None, False)
        event = self._events[step - 1]
        if event.at == ev.EPOCH:
            return When(None, False)
        return When(event.at, event.seq in self._estimated)

    def is_estimated(self, seq: int) -> bool:
        """Whether the time of that event is only interpolated."""
        return seq in self._estimated

    def drafted(self, number: int, step: int) -> tuple[str, str]:
        """Patch and reasoning of an experiment as they stood after the first `step` events."""
        patch, thoughts = "", list[str]()
        for index in self._drafts.get(number, ()):
            event = self._events[index]
            if index >= step or not isinstance(event, ev.ProposalDrafted | ev.ProposalRevised):
                break
            patch = event.patch
            thoughts.append(event.reasoning)
        return patch, "\n\n".join(filter(None, thoughts))

    def hypothesis(self, number: int) -> ev.Proposal | None:
        """What an experiment tried, whenever that is."""
        places = self._drafts.get(number)
        event = self._events[places[-1]] if places else None
        if isinstance(event, ev.ProposalDrafted | ev.ProposalRevised):
            return event.proposal
        return None
