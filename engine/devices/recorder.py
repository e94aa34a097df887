"""Selects the machine samples that are kept in the journal for a replay."""

from __future__ import annotations

from engine.core.events import DevicesSampled
from engine.core.machine import MachineSample
from engine.core.session import Session

FIRST_SECONDS = 10.0
"""Seconds from a run's start, or its adoption by a new engine, to its first sample.

Half its budget if that is shorter.
"""
_SAMPLES = 5
"""Number of further samples of a run within its training budget."""
_LEAST_SECONDS = 20.0
_WITHOUT_BUDGET_SECONDS = 120.0


class MachineRecorder:
    """Decides which machine samples are recorded in the journal: about six of each run."""

    def __init__(self) -> None:
        self._run = (0, 0)
        self._next = 0.0
        """When the next sample is due, in seconds of the monotonic clock."""

    def is_due(self, session: Session, now: float) -> bool:
        """Return whether a sample taken now is to be recorded; false while nothing runs.

        Args:
            session: The session's state, with its running run.
            now: Seconds of a monotonic clock, as the machine's clock may be set during a run.
        """
        run, current = session.running, session.in_training
        if run is None or current is None:
            return False
        budget = session.config.budget_seconds
        if self._run != (current.number, run.number):
            self._run = (current.number, run.number)
            self._next = now + (FIRST_SECONDS if budget is None else min(FIRST_SECONDS, budget / 2))
        return now >= self._next

    def record(self, session: Session, sample: MachineSample, now: float) -> DevicesSampled | None:
        """Return the event that records a sample, and schedule the run's next sample.

        The caller appends the event to the journal. None if the run has ended since `is_due`.
        """
        run, current = session.running, session.in_training
        if run is None or current is None or self._run != (current.number, run.number):
            return None
        budget = session.config.budget_seconds
        pace = _WITHOUT_BUDGET_SECONDS if budget is None else budget / _SAMPLES
        self._next = now + max(_LEAST_SECONDS, pace)
        return DevicesSampled(experiment=current.number, run=run.number, sample=sample)
