"""Which samples of the machine are kept in the journal, so that a replay can show them."""

from __future__ import annotations

from datetime import datetime

from engine.core.events import DevicesSampled
from engine.core.machine import MachineSample
from engine.core.session import Session

FIRST_SECONDS = 10.0
"""After a run began, or half its budget where that is shorter: then it is at work."""
_SAMPLES = 5
"""So many more in the training budget."""
_LEAST_SECONDS = 20.0
_WITHOUT_BUDGET_SECONDS = 120.0


class MachineRecorder:
    """Some six samples of each run; they may be missed, and then are not recorded."""

    def __init__(self) -> None:
        self._of = (0, 0)
        self._next = 0.0
        """Seconds of the run at which the next one is due."""

    def is_due(self, session: Session, now: datetime) -> bool:
        """Whether a sample taken now is to be kept."""
        run, current = session.running, session.current
        if run is None or current is None:
            return False
        budget = session.config.budget_seconds
        if self._of != (current.number, run.number):
            self._of = (current.number, run.number)
            self._next = FIRST_SECONDS if budget is None else min(FIRST_SECONDS, budget / 2)
        return (now - run.started_at).total_seconds() >= self._next

    def record(
        self, session: Session, sample: MachineSample, now: datetime
    ) -> DevicesSampled | None:
        """The event of a sample, and when the next one is due; None where that run is over."""
        run, current = session.running, session.current
        if run is None or current is None or self._of != (current.number, run.number):
            return None
        budget = session.config.budget_seconds
        pace = _WITHOUT_BUDGET_SECONDS if budget is None else budget / _SAMPLES
        elapsed = (now - run.started_at).total_seconds()
        self._next = elapsed + max(_LEAST_SECONDS, pace)
        return DevicesSampled(experiment=current.number, run=run.number, sample=sample)
